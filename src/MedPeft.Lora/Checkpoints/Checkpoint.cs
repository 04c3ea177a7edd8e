namespace MedPeft.Lora.Checkpoints;

/// <summary>Opens any checkpoint that this library reads; the content decides which kind it is, never the name.</summary>
public static class Checkpoint
{
    /// <summary>Opens a checkpoint.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The open file; the caller disposes it.</returns>
    /// <exception cref="CheckpointException">The file is none of the kinds read here, or it is damaged.</exception>
    public static TensorFile Open(string path) => Safetensors.Open(path);
}

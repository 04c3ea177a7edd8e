using static TorchSharp.torch;

namespace MedPeft.Lora.Checkpoints;

/// <summary>Reads and writes safetensors files, the format of Hugging Face for weights and adapters.</summary>
/// <remarks>Checked by the rules of the reference implementation (huggingface/safetensors, tensor.rs); duplicate names, which it lets pass, are refused.</remarks>
public static class Safetensors
{
    /// <summary>Opens a single file.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The open file; the caller disposes it.</returns>
    /// <exception cref="CheckpointException">It is no valid safetensors file.</exception>
    public static TensorFile Open(string path)
    {
        var source = FileSource.Open(path);
        try
        {
            return new SafetensorsFile(source, SafetensorsHeader.Read(source));
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    /// <summary>Writes a file as Hugging Face's own writer would, byte for byte.</summary>
    /// <remarks>
    /// The file appears whole or not at all: it is written beside its destination, flushed to the disk and then renamed, so a crash or
    /// a full disk leaves what was there before.
    /// </remarks>
    /// <param name="path">Destination; replaced if it exists.</param>
    /// <param name="tensors">Tensors by name, on any device, of any stride. They are not changed and not disposed.</param>
    /// <param name="metadata">Text beside the tensors; PEFT and transformers expect <c>format</c> = <c>pt</c>. Null for none.</param>
    /// <exception cref="ArgumentException">A name appears twice, or a type has no safetensors counterpart.</exception>
    /// <exception cref="CheckpointException">The file cannot be written.</exception>
    public static void Write(string path, IEnumerable<KeyValuePair<string, Tensor>> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(tensors);
        var plan = new SafetensorsWriter(tensors, metadata);
        AtomicFile.Write(path, plan.Write);
    }

    /// <summary>Writes the weights of a model, as its state dict names them, to one file; it appears whole or not at all.</summary>
    /// <remarks>
    /// A <c>VisionTransformer</c> is written under timm's names, which <c>VisionTransformer.FromCheckpoint</c> and timm load. Of an adapted model use
    /// <c>LoraAdapter.SaveMerged</c>, or <c>MergeAndRemove</c> before.
    /// </remarks>
    /// <param name="path">Destination; replaced if it exists.</param>
    /// <param name="model">The model; not changed.</param>
    /// <exception cref="ArgumentException">A vision transformer has entries that are not its own: adapters.</exception>
    /// <exception cref="CheckpointException">The file cannot be written.</exception>
    public static void Write(string path, nn.Module model)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(model);
        StateDictFile.Write(path, model, model.state_dict());
    }
}

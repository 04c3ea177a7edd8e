namespace MedPeft.Lora.Checkpoints;

/// <summary>Opens any checkpoint that this library reads; the content decides which kind it is, never the name.</summary>
public static class Checkpoint
{
    /// <summary>Opens a safetensors file, the index of a sharded checkpoint, or a PyTorch file in its zip or its legacy form.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The open file; the caller disposes it. For a PyTorch file it is a <see cref="PickleCheckpoint"/>.</returns>
    /// <exception cref="CheckpointException">The file is none of these, or it is damaged; the message says what it is and what to do.</exception>
    public static TensorFile Open(string path) => OpenFile(path, allowIndex: true);

    /// <summary>Tells what a checkpoint holds, without reading any weights: its kind, each tensor's name, type, shape and bytes, and the other data by their keys.</summary>
    /// <param name="path">The file.</param>
    /// <returns>Text of several lines, in the invariant culture.</returns>
    /// <exception cref="CheckpointException">As for <see cref="Open"/>.</exception>
    public static string Describe(string path)
    {
        using var file = Open(path);
        return CheckpointDescription.Of(file);
    }

    internal static TensorFile OpenFile(string path, bool allowIndex)
    {
        var source = FileSource.Open(path);
        try
        {
            var form = CheckpointSniffer.Sniff(source);
            switch (form)
            {
                case CheckpointForm.Safetensors:
                    return new SafetensorsFile(source, SafetensorsHeader.Read(source));
                case CheckpointForm.Index when allowIndex:
                    var sharded = ShardedFile.Open(source);
                    source.Dispose();
                    return sharded;
                case CheckpointForm.Index:
                    throw new CheckpointException(path, "this is a JSON text where the weights should be. Fetch the file again.");
                default:
                    return PickleCheckpoint.Open(source, form, null);
            }
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }
}

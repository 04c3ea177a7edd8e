namespace MedPeft.Lora.Checkpoints;

/// <summary>A checkpoint that cannot be read or written, with the place and the reason.</summary>
/// <remarks>Reading a checkpoint, however damaged or hostile, ends with the right values or with this exception.</remarks>
public sealed class CheckpointException : Exception
{
    /// <summary>Names the file, the place in it and the reason.</summary>
    /// <param name="file">Path of the file; the message shows its name only.</param>
    /// <param name="reason">What was found, what would fit, what to do.</param>
    /// <param name="entry">The tensor, archive entry or key, if the fault belongs to one.</param>
    /// <param name="offset">Position in the file, in bytes from its start, if known.</param>
    /// <param name="innerException">The cause below, if any.</param>
    public CheckpointException(string file, string reason, string? entry = null, long? offset = null, Exception? innerException = null)
        : base(Compose(file, reason, entry, offset), innerException) => (File, Entry, Offset, Reason) = (file, entry, offset, reason);

    /// <summary>Path of the file, as it was given.</summary>
    public string File { get; }

    /// <summary>The tensor, archive entry or key at fault; null if the fault belongs to the whole file.</summary>
    public string? Entry { get; }

    /// <summary>Position of the fault, in bytes from the start of the file; null if it has none.</summary>
    public long? Offset { get; }

    /// <summary>What was found, what would fit and what to do, without the place.</summary>
    public string Reason { get; }

    private static string Compose(string file, string reason, string? entry, long? offset)
    {
        // The path itself stays out of the message: messages end up in logs, and folders are often named after patients.
        var place = Quoted.Text(System.IO.Path.GetFileName(file) is { Length: > 0 } name ? name : file);
        if (entry is not null) place += $", {Quoted.Text(entry)}";
        if (offset is not null) place += $", byte {offset}";
        return $"{place}: {reason}";
    }
}

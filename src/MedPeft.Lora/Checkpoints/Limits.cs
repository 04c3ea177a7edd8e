namespace MedPeft.Lora.Checkpoints;

/// <summary>What a file may ask for. The largest public vision checkpoints stay a hundredfold below each of these.</summary>
internal static class Limits
{
    /// <summary>Tensors, storages or archive entries in one file.</summary>
    public const int Entries = 100_000;

    /// <summary>Dimensions of one tensor (PyTorch's own limit).</summary>
    public const int Rank = 64;

    /// <summary>Bytes of a safetensors header (the reference's own limit).</summary>
    public const long SafetensorsHeader = 100_000_000;

    /// <summary>Bytes of <c>__metadata__</c>.</summary>
    public const int Metadata = 16_000_000;

    /// <summary>Entries of <c>__metadata__</c>.</summary>
    public const int MetadataEntries = 10_000;

    /// <summary>Bytes of one tensor's name.</summary>
    public const int Name = 10_000;

    /// <summary>Bytes of a zip archive's directory.</summary>
    public const int ZipDirectory = 32_000_000;

    /// <summary>Bytes of one pickle.</summary>
    public const long Pickle = 64 << 20;

    /// <summary>Operations of one pickle.</summary>
    public const int PickleOperations = 20_000_000;

    /// <summary>Values on a pickle's stack.</summary>
    public const int PickleStack = 1 << 20;

    /// <summary>Values inside one another.</summary>
    public const int PickleDepth = 200;

    /// <summary>How many times larger than its storage a tensor may be (stride 0 repeats values), once it is more than <see cref="FreeExpansion"/>.</summary>
    public const int Expansion = 4;

    /// <summary>Bytes up to which a tensor may repeat its storage at will.</summary>
    public const long FreeExpansion = 1 << 20;

    /// <summary>Memory that a file of so many bytes justifies for its tensors.</summary>
    public static long Tensors(long fileLength) => 2 * fileLength + (32 << 20);

    /// <summary>Memory that a file of so many bytes justifies for the values beside its tensors; half of the tensors', since the collector needs room too.</summary>
    public static long Values(long fileLength) => fileLength + (24 << 20);

    /// <summary>Bytes that are read at once.</summary>
    public const int Chunk = 1 << 20;
}

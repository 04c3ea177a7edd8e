namespace MedPeft.Lora.Checkpoints;

/// <summary>What a file may ask for. The largest public vision checkpoints stay a hundredfold below each of these.</summary>
internal static class Limits
{
    /// <summary>Tensors, storages or archive entries in one file.</summary>
    public const int Entries = 250_000;

    /// <summary>Dimensions of one tensor (PyTorch's own limit).</summary>
    public const int Rank = 64;

    /// <summary>Bytes of a safetensors header (the reference's own limit).</summary>
    public const long SafetensorsHeader = 100_000_000;

    /// <summary>Bytes of text in <c>__metadata__</c>.</summary>
    public const int Metadata = 16_000_000;

    /// <summary>Bytes that are read at once.</summary>
    public const int Chunk = 1 << 20;
}

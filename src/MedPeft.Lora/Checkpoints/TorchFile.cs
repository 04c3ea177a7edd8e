namespace MedPeft.Lora.Checkpoints;

/// <summary>Where the bytes of a storage lie.</summary>
/// <param name="Entry">What to call it in an error.</param>
/// <param name="Offset">First byte in the file.</param>
/// <param name="Bytes">Its bytes.</param>
/// <param name="Crc">Their checksum, if the form has one.</param>
internal sealed record StorageRegion(string Entry, long Offset, long Bytes, uint? Crc)
{
    /// <summary>True once the bytes were compared with the checksum.</summary>
    public bool Verified { get; set; }
}

/// <summary>What a PyTorch file holds, in either form.</summary>
/// <param name="Kind">Its form in words.</param>
/// <param name="Root">The pickled value.</param>
/// <param name="Regions">The storages by key.</param>
/// <param name="BigEndian">True if elements lie with the highest byte first.</param>
internal sealed record TorchFile(string Kind, object? Root, IReadOnlyDictionary<string, StorageRegion> Regions, bool BigEndian);

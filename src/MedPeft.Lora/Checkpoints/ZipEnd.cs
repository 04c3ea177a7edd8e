using System.Buffers.Binary;

namespace MedPeft.Lora.Checkpoints;

/// <summary>Where the directory of a zip archive lies, from the records at the end of the file; zip64 included.</summary>
/// <param name="Entries">Number of entries.</param>
/// <param name="DirectoryOffset">Position of the directory.</param>
/// <param name="DirectorySize">Its bytes.</param>
internal readonly record struct ZipEnd(long Entries, long DirectoryOffset, long DirectorySize)
{
    private const int EndSize = 22, LocatorSize = 20, End64Size = 56;

    /// <summary>Reads and checks the records.</summary>
    public static ZipEnd Read(FileSource source)
    {
        Span<byte> end = stackalloc byte[EndSize];
        if (source.Length < EndSize) throw Truncated(source);
        source.Read(source.Length - EndSize, end);
        if (BinaryPrimitives.ReadUInt32LittleEndian(end) != 0x06054b50 || BinaryPrimitives.ReadUInt16LittleEndian(end[20..]) != 0) throw Truncated(source);
        if (BinaryPrimitives.ReadUInt32LittleEndian(end[4..]) != 0) throw Fault(source, "the archive is one volume of several");
        long entries = BinaryPrimitives.ReadUInt16LittleEndian(end[10..]), size = BinaryPrimitives.ReadUInt32LittleEndian(end[12..]), offset = BinaryPrimitives.ReadUInt32LittleEndian(end[16..]);
        if (BinaryPrimitives.ReadUInt16LittleEndian(end[8..]) != entries) throw Fault(source, "the archive's end record contradicts itself");
        var directoryEnd = source.Length - EndSize;
        if (ReadEnd64(source) is { } wide)
        {
            // The old record repeats the values that fit it.
            if (!Same(entries, wide.Entries, ushort.MaxValue) || !Same(size, wide.DirectorySize, uint.MaxValue) || !Same(offset, wide.DirectoryOffset, uint.MaxValue))
                throw Fault(source, "the archive's two end records contradict each other");
            (entries, offset, size) = wide;
            directoryEnd -= LocatorSize + End64Size;
        }

        if (offset < 0 || size < 0 || size > directoryEnd || offset != directoryEnd - size) throw Fault(source, $"the archive's directory would lie at {offset} with {size} bytes, but it ends at {directoryEnd}");
        if (entries < 0 || entries > Limits.Entries || size > Limits.ZipDirectory) throw Fault(source, $"the archive lists {entries} entries in {size} bytes; at most {Limits.Entries} in {Limits.ZipDirectory} are read");
        return new ZipEnd(entries, offset, size);
    }

    private static ZipEnd? ReadEnd64(FileSource source)
    {
        if (source.Length < EndSize + LocatorSize + End64Size) return null;
        Span<byte> locator = stackalloc byte[LocatorSize], end = stackalloc byte[End64Size];
        source.Read(source.Length - EndSize - LocatorSize, locator);
        if (BinaryPrimitives.ReadUInt32LittleEndian(locator) != 0x07064b50) return null;
        var position = source.Length - EndSize - LocatorSize - End64Size;
        if (BinaryPrimitives.ReadInt64LittleEndian(locator[8..]) != position || BinaryPrimitives.ReadUInt32LittleEndian(locator[4..]) != 0 || BinaryPrimitives.ReadUInt32LittleEndian(locator[16..]) > 1)
            throw Fault(source, "the archive's zip64 locator points elsewhere");
        source.Read(position, end);
        if (BinaryPrimitives.ReadUInt32LittleEndian(end) != 0x06064b50 || BinaryPrimitives.ReadInt64LittleEndian(end[4..]) != End64Size - 12 || BinaryPrimitives.ReadInt64LittleEndian(end[16..]) != 0)
            throw Fault(source, "the archive's zip64 end record is damaged");
        var entries = BinaryPrimitives.ReadInt64LittleEndian(end[32..]);
        if (BinaryPrimitives.ReadInt64LittleEndian(end[24..]) != entries) throw Fault(source, "the archive's zip64 end record contradicts itself");
        return new ZipEnd(entries, BinaryPrimitives.ReadInt64LittleEndian(end[48..]), BinaryPrimitives.ReadInt64LittleEndian(end[40..]));
    }

    private static bool Same(long narrow, long wide, long all) => narrow == wide || narrow == all;

    private static CheckpointException Truncated(FileSource source) =>
        new(source.Path, "the archive's end is missing: the download or copy was interrupted, or something was appended. Fetch the file again.", offset: source.Length);

    private static CheckpointException Fault(FileSource source, string reason) => new(source.Path, $"{reason}. The file is damaged: fetch it again.", offset: Math.Max(0, source.Length - EndSize));
}

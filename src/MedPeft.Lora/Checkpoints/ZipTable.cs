using System.Buffers.Binary;
using System.Text;

namespace MedPeft.Lora.Checkpoints;

/// <summary>An entry of a zip archive: bytes at a place of the file.</summary>
/// <param name="Name">Its name in the archive.</param>
/// <param name="Crc">The checksum that the archive states.</param>
/// <param name="Size">Bytes.</param>
/// <param name="DataOffset">Position of its first byte in the file.</param>
/// <param name="Method">0 if its bytes are stored as they are; else how they are compressed.</param>
internal readonly record struct ZipEntry(string Name, uint Crc, long Size, long DataOffset, int Method);

/// <summary>The table of a zip archive as PyTorch writes them, read strictly.</summary>
/// <remarks>
/// .NET's own reader accepts wrong checksums, overlapping and duplicate entries and local names that contradict the directory;
/// each of them lets two programs see two different models in one file. Here the directory, the local headers and the file must agree.
/// </remarks>
internal sealed class ZipTable
{
    private const uint LocalSignature = 0x04034b50;
    private const string Again = "The file is damaged: fetch it again.";
    private readonly FileSource source;

    private ZipTable(FileSource source) => this.source = source;

    /// <summary>The entries by name, in the order of the directory.</summary>
    public Dictionary<string, ZipEntry> Entries { get; } = new(StringComparer.Ordinal);

    /// <summary>Reads and checks the table.</summary>
    public static ZipTable Read(FileSource source)
    {
        var table = new ZipTable(source);
        var end = ZipEnd.Read(source);
        var directory = new byte[end.DirectorySize];
        source.Read(end.DirectoryOffset, directory);
        var located = table.ReadDirectory(directory, end);
        located.Sort((left, right) => left.Local.CompareTo(right.Local));
        if (located.Count == 0 || located[0].Local != 0) throw table.Fault("the archive's first entry is not at its start", 0);
        long free = 0;
        foreach (var entry in located) free = table.Locate(entry, directory, free, end.DirectoryOffset);
        return table;
    }

    private List<Central> ReadDirectory(byte[] directory, ZipEnd end)
    {
        var list = new List<Central>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        var position = 0;
        for (long i = 0; i < end.Entries; i++)
        {
            var at = end.DirectoryOffset + position;
            var header = directory.AsSpan(position);
            if (header.Length < 46 || BinaryPrimitives.ReadUInt32LittleEndian(header) != 0x02014b50) throw Fault($"the archive's directory lists {i} entries where {end.Entries} are announced", at);
            int nameLength = U16(header, 28), extraLength = U16(header, 30), commentLength = U16(header, 32);
            if (header.Length - 46 < nameLength + extraLength + commentLength) throw Fault("a directory entry of the archive goes past the directory's end", at);
            var name = CheckName(header.Slice(46, nameLength), at);
            if (!names.Add(name)) throw Fault("the archive holds this entry twice", at, name);
            int flags = U16(header, 8), method = U16(header, 10);
            if ((flags & 0x2041) != 0) throw new CheckpointException(source.Path, "the entry is encrypted. Checkpoints are read unencrypted only: decrypt the file first.", name, at);
            if ((flags & ~0x080E) != 0) throw Fault($"the entry uses unknown features (flags 0x{flags:x4})", at, name);
            long compressed = U32(header, 20), size = U32(header, 24), local = U32(header, 42);
            ReadZip64(header.Slice(46 + nameLength, extraLength), ref size, ref compressed, ref local, name, at);
            if (method == 0 && size != compressed) throw Fault($"the entry is stored, yet its sizes differ ({size} and {compressed})", at, name);
            if (U16(header, 34) != 0) throw Fault("the entry lies on another volume", at, name);
            list.Add(new Central(name, position + 46, nameLength, flags, method, U32(header, 16), size, compressed, local));
            position += 46 + nameLength + extraLength + commentLength;
        }

        return position == directory.Length ? list : throw Fault($"{directory.Length - position} unknown bytes follow the archive's directory", end.DirectoryOffset + position);
    }

    // A field that is all ones has its value in the zip64 extra, in the fixed order size, compressed size, offset.
    private void ReadZip64(ReadOnlySpan<byte> extra, ref long size, ref long compressed, ref long local, string name, long at)
    {
        var found = false;
        while (extra.Length >= 4)
        {
            int id = U16(extra, 0), length = U16(extra, 2);
            if (length > extra.Length - 4) throw Fault("the entry's extra field goes past its end", at, name);
            if (id == 1)
            {
                if (found) throw Fault("the entry holds two zip64 fields", at, name);
                found = true;
                var values = extra.Slice(4, length);
                if (size == uint.MaxValue) size = Next(ref values, name, at);
                if (compressed == uint.MaxValue) compressed = Next(ref values, name, at);
                if (local == uint.MaxValue) local = Next(ref values, name, at);
            }

            extra = extra[(4 + length)..];
        }

        if (!found && (size == uint.MaxValue || compressed == uint.MaxValue || local == uint.MaxValue)) throw Fault("the entry's zip64 field is missing", at, name);
    }

    private long Next(ref ReadOnlySpan<byte> values, string name, long at)
    {
        if (values.Length < 8) throw Fault("the entry's zip64 field is too short", at, name);
        var value = BinaryPrimitives.ReadInt64LittleEndian(values);
        values = values[8..];
        return value >= 0 ? value : throw Fault("the entry's zip64 field is negative", at, name);
    }

    // Entries may not touch: where they overlap, two programs may read two different models.
    private long Locate(Central entry, ReadOnlySpan<byte> names, long free, long directory)
    {
        Span<byte> header = stackalloc byte[30];
        if (entry.Local < free) throw Fault($"the entry begins at {entry.Local}, inside the one that ends at {free}", entry.Local, entry.Name);
        if (entry.Local > directory - 30) throw Fault("the entry lies outside the file", entry.Local, entry.Name);
        source.Read(entry.Local, header);
        if (BinaryPrimitives.ReadUInt32LittleEndian(header) != LocalSignature) throw Fault("the archive's directory points to something that is no entry", entry.Local, entry.Name);
        if (U16(header, 6) != entry.Flags || U16(header, 8) != entry.Method) throw Fault("the entry's own header contradicts the archive's directory", entry.Local, entry.Name);
        int nameLength = U16(header, 26), extraLength = U16(header, 28);
        Span<byte> name = new byte[Math.Min(nameLength, directory - entry.Local - 30)];
        source.Read(entry.Local + 30, name);
        if (!name.SequenceEqual(names.Slice(entry.NameStart, entry.NameLength))) throw Fault($"the entry calls itself {Quoted.Text(Encoding.Latin1.GetString(name))}", entry.Local, entry.Name);

        // With flag 3 the sums follow the data and may be zero here; large files have all ones.
        var later = (entry.Flags & 8) != 0;
        var agrees = Agrees(U32(header, 14), entry.Crc, later) && Agrees(U32(header, 18), entry.Compressed, later) && Agrees(U32(header, 22), entry.Size, later);
        if (!agrees) throw Fault("the entry's own checksum or size contradicts the archive's directory", entry.Local, entry.Name);
        var data = entry.Local + 30 + nameLength + extraLength;
        if (entry.Compressed > directory - data) throw Fault($"the entry's {entry.Compressed} bytes go past the archive's directory", entry.Local, entry.Name);
        Entries.Add(entry.Name, new ZipEntry(entry.Name, entry.Crc, entry.Size, data, entry.Method));
        return data + entry.Compressed;
    }

    private static bool Agrees(long local, long central, bool later) => local == central || local == uint.MaxValue || (later && local == 0);

    private string CheckName(ReadOnlySpan<byte> bytes, long at)
    {
        string name;
        try
        {
            name = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes);
        }
        catch (DecoderFallbackException error)
        {
            throw new CheckpointException(source.Path, $"the name of an archive entry is not valid UTF-8. {Again}", offset: at, innerException: error);
        }

        var odd = name.Length == 0 || name.StartsWith('/') || name.Contains('\\') || name.Any(char.IsControl) || name.Split('/').Any(part => part is "." or "..");
        return odd ? throw Fault("the entry's name would leave its folder or cannot be shown; PyTorch writes no such names", at, name) : name;
    }

    private CheckpointException Fault(string reason, long offset, string? entry = null) => new(source.Path, $"{reason}. {Again}", entry, offset);

    private static int U16(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[offset..]);

    private static uint U32(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[offset..]);

    private readonly record struct Central(string Name, int NameStart, int NameLength, int Flags, int Method, uint Crc, long Size, long Compressed, long Local);
}

using System.Buffers.Binary;
using System.Text;
using MedPeft.Lora.Common;
using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Data.Caching;

/// <summary>
/// Writes cache files: header (magic, version, key), pixels, index of entries, trailer (place and number of entries, checksums, magic).
/// A file is written under another name, flushed to the disk and renamed: it is there as a whole or not at all.
/// </summary>
internal sealed class SegmentWriter : IDisposable
{
    public const string Extension = ".pixels";
    public const string Unfinished = ".unfinished";
    public const int TrailerSize = 32;
    public const ulong Start = 0x4C45_5849_5044_454D; // "MEDPIXEL"
    public const ulong End = 0x444E_4558_4950_444D; // "MDPIXEND"

    private readonly string _folder;
    private readonly byte[] _header;
    private readonly long _fileBytes;
    private readonly List<CacheEntry> _entries = [];
    private FileStream? _file;
    private string _name = "";

    public SegmentWriter(string folder, string key, long fileBytes)
    {
        (_folder, _fileBytes, _header) = (folder, fileBytes, Header(key));
        // Only one process writes at a time, so what lies about unfinished was left by one that died.
        foreach (var leftover in Directory.EnumerateFiles(folder, "*" + Unfinished)) File.Delete(leftover);
    }

    /// <summary>The first bytes of each file of a cache with this key.</summary>
    public static byte[] Header(string key)
    {
        var text = Encoding.UTF8.GetBytes(key);
        var header = new byte[(16 + text.Length + 63) / 64 * 64];
        BinaryPrimitives.WriteUInt64LittleEndian(header, Start);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(8), 1);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(12), text.Length);
        text.CopyTo(header, 16);
        return header;
    }

    /// <summary>Appends an image.</summary>
    /// <param name="source">Where it came from; its content is known.</param>
    /// <param name="image">Its pixels; null if another file of the cache has them.</param>
    /// <param name="checksum">The pixels' checksum.</param>
    public void Append(SourceFile source, PixelImage? image, uint checksum)
    {
        if (_file is null)
        {
            _name = Path.Join(_folder, Guid.NewGuid().ToString("N"));
            _file = new FileStream(_name + Unfinished, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 16);
            _file.Write(_header);
        }

        _entries.Add(image is null
            ? new CacheEntry(source.PathKey, source.Content!.Value, source.Length, source.Time, -1, 0, 0, 0, 0)
            : new CacheEntry(
                source.PathKey, source.Content!.Value, source.Length, source.Time, _file.Position, image.Width, image.Height, image.Channels, checksum));
        if (image is not null) _file.Write(image.Pixels);
        if (_file.Position >= _fileBytes) Commit();
    }

    /// <summary>Finishes the current file and gives it its name.</summary>
    public void Commit()
    {
        if (_file is null) return;
        var index = new byte[_entries.Count * CacheEntry.Size + TrailerSize];
        for (var i = 0; i < _entries.Count; i++) _entries[i].Write(index.AsSpan(i * CacheEntry.Size));
        var trailer = index.AsSpan(_entries.Count * CacheEntry.Size);
        BinaryPrimitives.WriteInt64LittleEndian(trailer, _file.Position);
        BinaryPrimitives.WriteInt64LittleEndian(trailer[8..], _entries.Count);
        BinaryPrimitives.WriteUInt64LittleEndian(trailer[16..], End);
        BinaryPrimitives.WriteUInt32LittleEndian(trailer[24..], Crc32.Compute(_header));
        BinaryPrimitives.WriteUInt32LittleEndian(trailer[28..], Crc32.Compute(index.AsSpan(0, index.Length - 4)));
        using (var file = _file)
        {
            _file = null;
            file.Write(index);
            file.Flush(true);
        }

        _entries.Clear();
        File.Move(_name + Unfinished, _name + Extension);
    }

    /// <summary>Drops a file that is not finished.</summary>
    public void Dispose()
    {
        if (_file is null) return;
        _file.Dispose();
        File.Delete(_name + Unfinished);
    }
}

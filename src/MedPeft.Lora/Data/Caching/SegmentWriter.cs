using System.Buffers.Binary;
using System.Text;
using MedPeft.Lora.Common;

namespace MedPeft.Lora.Data.Caching;

/// <summary>
/// Writes cache files: header (magic, version, key), values, index of entries, trailer (place and number of entries, checksums, magic).
/// A file is written under another name, flushed to the disk and renamed: it is there as a whole or not at all.
/// </summary>
internal sealed class SegmentWriter : IDisposable
{
    public const string Unfinished = ".unfinished";
    public const int TrailerSize = 32;

    private readonly string _folder;
    private readonly CacheFormat _format;
    private readonly byte[] _header;
    private readonly long _fileBytes;
    private readonly List<CacheEntry> _entries = [];
    private FileStream? _file;
    private string _name = "";

    public SegmentWriter(string folder, CacheFormat format, string key, long fileBytes)
    {
        (_folder, _format, _fileBytes, _header) = (folder, format, fileBytes, Header(format, key));
        // Only one process writes at a time, so what lies about unfinished was left by one that died.
        foreach (var leftover in Directory.EnumerateFiles(folder, "*" + Unfinished)) File.Delete(leftover);
    }

    /// <summary>The first bytes of each file of a cache with this key.</summary>
    public static byte[] Header(CacheFormat format, string key)
    {
        var text = Encoding.UTF8.GetBytes(key);
        var header = new byte[(16 + text.Length + 63) / 64 * 64];
        BinaryPrimitives.WriteUInt64LittleEndian(header, format.Start);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(8), 1);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(12), text.Length);
        text.CopyTo(header, 16);
        return header;
    }

    /// <summary>Appends an image.</summary>
    /// <param name="source">Where it came from; its content is known.</param>
    /// <param name="size">Width, height and channels, as the format means them.</param>
    /// <param name="values">Its pixels or numbers.</param>
    /// <param name="checksum">Their checksum.</param>
    public void Append(SourceFile source, (int Width, int Height, int Channels) size, ReadOnlySpan<byte> values, uint checksum)
    {
        var file = Current();
        _entries.Add(new CacheEntry(source.PathKey, source.Content!.Value, source.Length, source.Time, file.Position, size.Width, size.Height, size.Channels, checksum));
        file.Write(values);
        if (file.Position >= _fileBytes) Commit();
    }

    /// <summary>Notes that an image, which another entry of the cache has, lies under this path too.</summary>
    public void Append(SourceFile source)
    {
        Current();
        _entries.Add(new CacheEntry(source.PathKey, source.Content!.Value, source.Length, source.Time, -1, 0, 0, 0, 0));
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
        BinaryPrimitives.WriteUInt64LittleEndian(trailer[16..], _format.End);
        BinaryPrimitives.WriteUInt32LittleEndian(trailer[24..], Crc32.Compute(_header));
        BinaryPrimitives.WriteUInt32LittleEndian(trailer[28..], Crc32.Compute(index.AsSpan(0, index.Length - 4)));
        using (var file = _file)
        {
            _file = null;
            file.Write(index);
            file.Flush(true);
        }

        _entries.Clear();
        File.Move(_name + Unfinished, _name + _format.Extension);
    }

    private FileStream Current()
    {
        if (_file is not null) return _file;
        _name = Path.Join(_folder, Guid.NewGuid().ToString("N"));
        _file = new FileStream(_name + Unfinished, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 16);
        _file.Write(_header);
        return _file;
    }

    /// <summary>Drops a file that is not finished.</summary>
    public void Dispose()
    {
        if (_file is null) return;
        _file.Dispose();
        File.Delete(_name + Unfinished);
    }
}

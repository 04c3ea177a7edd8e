using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;
using MedPeft.Lora.Common;

namespace MedPeft.Lora.Data.Caching;

/// <summary>A finished cache file in memory. Its index is verified when it is opened, each image when it is first read.</summary>
internal sealed unsafe class CacheSegment : IDisposable
{
    private readonly CacheFormat _format;
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly byte* _start;
    private readonly int[] _verified;

    private CacheSegment(string path, CacheFormat format, long length, byte[] header)
    {
        (Path, _format) = (path, format);
        var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
        _file = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, false);
        _view = _file.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _start);
        try
        {
            Entries = Index(length, header);
        }
        catch
        {
            Dispose();
            throw;
        }

        _verified = new int[Entries.Count];
    }

    public string Path { get; }

    public IReadOnlyList<CacheEntry> Entries { get; } = [];

    /// <summary>Opens a file if it belongs to a cache with this header; null if it belongs to one of other choices.</summary>
    public static CacheSegment? Open(string path, CacheFormat format, byte[] header)
    {
        var length = new FileInfo(path).Length;
        var start = new byte[header.Length];
        using (var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, 0))
            _ = stream.ReadAtLeast(start, start.Length, false);
        if (BinaryPrimitives.ReadUInt64LittleEndian(start) != format.Start) throw format.Damaged(path, "it does not start as one");
        return start.AsSpan().SequenceEqual(header) ? new CacheSegment(path, format, length, header) : null;
    }

    /// <summary>Copies an image's pixels or numbers.</summary>
    /// <param name="number">The entry.</param>
    /// <param name="values">Receives them; of the entry's length.</param>
    public void Read(int number, Span<byte> values)
    {
        var entry = Entries[number];
        if (values.Length != entry.Bytes) throw Damaged("an image in it has another size");
        // Holds the mapping while it is read: letting go of it on another thread would end the process.
        var handle = _view.SafeMemoryMappedViewHandle;
        var held = false;
        handle.DangerousAddRef(ref held);
        try
        {
            new ReadOnlySpan<byte>(_start + entry.Offset, values.Length).CopyTo(values);
        }
        finally
        {
            if (held) handle.DangerousRelease();
        }

        if (Volatile.Read(ref _verified[number]) == 0)
        {
            if (Crc32.Compute(values) != entry.Checksum) throw Damaged("the checksum of an image in it is wrong");
            Volatile.Write(ref _verified[number], 1);
        }
    }

    public void Dispose()
    {
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file.Dispose();
    }

    private CacheEntry[] Index(long length, byte[] header)
    {
        if (length < header.Length + SegmentWriter.TrailerSize) throw Damaged("it ends early");
        var trailer = new ReadOnlySpan<byte>(_start + length - SegmentWriter.TrailerSize, SegmentWriter.TrailerSize);
        if (BinaryPrimitives.ReadUInt64LittleEndian(trailer[16..]) != _format.End) throw Damaged("it ends early");
        var (at, count) = (BinaryPrimitives.ReadInt64LittleEndian(trailer), BinaryPrimitives.ReadInt64LittleEndian(trailer[8..]));
        var end = length - SegmentWriter.TrailerSize;
        if (at < header.Length || at > end || count < 0 || count > int.MaxValue / CacheEntry.Size - 1 || at + count * CacheEntry.Size != end)
            throw Damaged("its index has no place in it");
        var index = new ReadOnlySpan<byte>(_start + at, (int)(length - at));
        if (Crc32.Compute(index[..^4]) != BinaryPrimitives.ReadUInt32LittleEndian(index[^4..])) throw Damaged("the checksum of its index is wrong");
        var entries = new CacheEntry[count];
        for (var i = 0; i < entries.Length; i++)
        {
            entries[i] = CacheEntry.Read(index[(i * CacheEntry.Size)..]);
            if (entries[i].Offset >= 0 && !Fits(entries[i], header.Length, at)) throw Damaged("an image has no place in it");
        }

        return entries;
    }

    private bool Fits(CacheEntry entry, int from, long to) => _format.Fits(entry) && entry.Offset >= from && entry.Bytes <= to - entry.Offset;

    private DatasetException Damaged(string how) => _format.Damaged(Path, how);
}

using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;
using MedPeft.Lora.Common;
using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Data.Caching;

/// <summary>A finished cache file in memory. Its index is verified when it is opened, each image when it is first read.</summary>
internal sealed unsafe class CacheSegment : IDisposable
{
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly byte* _start;
    private readonly int[] _verified;

    private CacheSegment(string path, long length, byte[] header)
    {
        Path = path;
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
    public static CacheSegment? Open(string path, byte[] header)
    {
        var length = new FileInfo(path).Length;
        var start = new byte[header.Length];
        using (var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, 0))
            _ = stream.ReadAtLeast(start, start.Length, false);
        if (BinaryPrimitives.ReadUInt64LittleEndian(start) != SegmentWriter.Start) throw Damaged(path, "it does not start as one");
        return start.AsSpan().SequenceEqual(header) ? new CacheSegment(path, length, header) : null;
    }

    /// <summary>An image's pixels.</summary>
    public PixelImage Read(int number)
    {
        var entry = Entries[number];
        var pixels = PixelBuffers.Take((int)entry.Bytes);
        // Holds the mapping while it is read: letting go of it on another thread would end the process.
        var handle = _view.SafeMemoryMappedViewHandle;
        var held = false;
        handle.DangerousAddRef(ref held);
        try
        {
            new ReadOnlySpan<byte>(_start + entry.Offset, pixels.Length).CopyTo(pixels);
        }
        finally
        {
            if (held) handle.DangerousRelease();
        }

        if (Volatile.Read(ref _verified[number]) == 0)
        {
            if (Crc32.Compute(pixels) != entry.Checksum) throw Damaged(Path, "the checksum of an image in it is wrong");
            Volatile.Write(ref _verified[number], 1);
        }

        return new PixelImage(entry.Width, entry.Height, entry.Channels, pixels);
    }

    public void Dispose()
    {
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file.Dispose();
    }

    private CacheEntry[] Index(long length, byte[] header)
    {
        if (length < header.Length + SegmentWriter.TrailerSize) throw Damaged(Path, "it ends early");
        var trailer = new ReadOnlySpan<byte>(_start + length - SegmentWriter.TrailerSize, SegmentWriter.TrailerSize);
        if (BinaryPrimitives.ReadUInt64LittleEndian(trailer[16..]) != SegmentWriter.End) throw Damaged(Path, "it ends early");
        var (at, count) = (BinaryPrimitives.ReadInt64LittleEndian(trailer), BinaryPrimitives.ReadInt64LittleEndian(trailer[8..]));
        var end = length - SegmentWriter.TrailerSize;
        if (at < header.Length || at > end || count < 0 || count > int.MaxValue / CacheEntry.Size - 1 || at + count * CacheEntry.Size != end)
            throw Damaged(Path, "its index has no place in it");
        var index = new ReadOnlySpan<byte>(_start + at, (int)(length - at));
        if (Crc32.Compute(index[..^4]) != BinaryPrimitives.ReadUInt32LittleEndian(index[^4..])) throw Damaged(Path, "the checksum of its index is wrong");
        var entries = new CacheEntry[count];
        for (var i = 0; i < entries.Length; i++)
        {
            entries[i] = CacheEntry.Read(index[(i * CacheEntry.Size)..]);
            if (entries[i].Offset >= 0 && !Fits(entries[i], header.Length, at)) throw Damaged(Path, "an image has no place in it");
        }

        return entries;
    }

    private static bool Fits(CacheEntry entry, int from, long to)
        => entry.Width > 0 && entry.Height > 0 && entry.Channels is 1 or 3 && (long)entry.Width * entry.Height <= Array.MaxLength / 3
            && entry.Offset >= from && entry.Bytes <= to - entry.Offset;

    private static DatasetException Damaged(string path, string how)
        => new(path, $"is a damaged file of the pixel cache: {how}. Delete it; its images are decoded again when they are next added.");
}

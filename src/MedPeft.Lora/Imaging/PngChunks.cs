using System.Buffers.Binary;
using MedPeft.Lora.Common;

namespace MedPeft.Lora.Imaging;

/// <summary>The compressed pixels of a PNG file in memory, its IDAT chunks end to end, as a stream.</summary>
internal sealed unsafe class PngChunks : Stream
{
    private const int Signature = 8;
    private const uint Idat = 0x49444154;
    private const uint Ihdr = 0x49484452;
    private const uint Iend = 0x49454E44;
    private const uint Trns = 0x74524E53;

    private readonly byte* _file;
    private readonly int _length;
    private int _at;
    private int _left;

    /// <summary>Reads from the first IDAT chunk of a flawless file.</summary>
    public PngChunks(byte* file, int length, int first)
    {
        _file = file;
        (_length, _at, _left) = (length, first + 8, (int)Word(file + first));
    }

    /// <summary>Whether every compressed byte has been read.</summary>
    public bool AtEnd => _left == 0 && !Next();

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <summary>Whether the chunks are the usual ones in their usual order, whole and with the right checksums.</summary>
    /// <param name="file">The file.</param>
    /// <param name="length">Its bytes.</param>
    /// <param name="first">The place of the first IDAT chunk.</param>
    public static bool AreFlawless(byte* file, int length, out int first)
    {
        first = 0;
        var ended = false;
        for (var at = Signature; length - at >= 12;)
        {
            var (size, type) = (Word(file + at), Word(file + at + 4));
            if (size > (uint)(length - at - 12)) return false;
            if (Word(file + at + 8 + size) != Crc32.Compute(new ReadOnlySpan<byte>(file + at + 4, (int)size + 4))) return false;
            if (type == Iend) return first != 0 && size == 0;
            if (type == Idat)
            {
                if (ended) return false;
                if (first == 0) first = at;
            }
            else
            {
                ended = first != 0;
                // Lower case marks what a decoder may skip; of that, transparency (tRNS) changes what the general decoder does.
                if (type == Ihdr ? at != Signature : ((type >> 29) & 1) == 0 || type == Trns) return false;
            }

            at += (int)size + 12;
        }

        return false;
    }

    public override int Read(Span<byte> buffer)
    {
        if (_left == 0 && !Next()) return 0;
        var count = Math.Min(buffer.Length, _left);
        new ReadOnlySpan<byte>(_file + _at, count).CopyTo(buffer);
        (_at, _left) = (_at + count, _left - count);
        return count;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    private static uint Word(byte* at) => BinaryPrimitives.ReadUInt32BigEndian(new ReadOnlySpan<byte>(at, 4));

    private bool Next()
    {
        // Behind the chunk's data lie its checksum, then the next chunk: a flawless file has one, IEND at the latest.
        while (_length - _at >= 12 && Word(_file + _at + 8) == Idat)
        {
            (_left, _at) = ((int)Word(_file + _at + 4), _at + 12);
            if (_left > 0) return true;
        }

        return false;
    }
}

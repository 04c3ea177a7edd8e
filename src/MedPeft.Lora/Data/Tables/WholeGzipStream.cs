using System.Buffers.Binary;
using System.IO.Compression;

namespace MedPeft.Lora.Data.Tables;

/// <summary>
/// Unpacks a gzip file and refuses one that ends early, which <see cref="GZipStream"/> reads as a shorter one: rows would be lost in silence.
/// </summary>
internal sealed class WholeGzipStream : Stream
{
    private readonly GZipStream _gzip;
    private readonly uint _expected;
    private uint _length;

    public WholeGzipStream(FileStream file)
    {
        // The file's last four bytes are the unpacked length modulo 2³² (RFC 1952). A file of several members gives only the last one's.
        var trailer = new byte[4];
        if (file.Length < 18) throw Incomplete();
        file.Seek(-4, SeekOrigin.End);
        file.ReadExactly(trailer);
        file.Position = 0;
        _expected = BinaryPrimitives.ReadUInt32LittleEndian(trailer);
        _gzip = new GZipStream(file, CompressionMode.Decompress);
    }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override int Read(Span<byte> buffer)
    {
        var read = _gzip.Read(buffer);
        _length += (uint)read;
        return read > 0 || buffer.IsEmpty || _length == _expected ? read : throw Incomplete();
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing) _gzip.Dispose();
        base.Dispose(disposing);
    }

    private static InvalidDataException Incomplete() => new("The gzip data end early.");
}

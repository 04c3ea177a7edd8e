using System.Buffers.Binary;

namespace MedPeft.Lora.Data.Caching;

/// <summary>One line of a cache file's index: the source's identity, and where its pixels lie; an offset of -1 says that another file has them.</summary>
internal readonly record struct CacheEntry(
    UInt128 PathKey, UInt128 Content, long Length, long Time, long Offset, int Width, int Height, int Channels, uint Checksum)
{
    /// <summary>Bytes of an entry in the file.</summary>
    public const int Size = 72;

    /// <summary>Bytes of the pixels.</summary>
    public long Bytes => (long)Width * Height * Channels;

    public void Write(Span<byte> to)
    {
        BinaryPrimitives.WriteUInt128LittleEndian(to, PathKey);
        BinaryPrimitives.WriteUInt128LittleEndian(to[16..], Content);
        BinaryPrimitives.WriteInt64LittleEndian(to[32..], Length);
        BinaryPrimitives.WriteInt64LittleEndian(to[40..], Time);
        BinaryPrimitives.WriteInt64LittleEndian(to[48..], Offset);
        BinaryPrimitives.WriteInt32LittleEndian(to[56..], Width);
        BinaryPrimitives.WriteInt32LittleEndian(to[60..], Height);
        BinaryPrimitives.WriteInt32LittleEndian(to[64..], Channels);
        BinaryPrimitives.WriteUInt32LittleEndian(to[68..], Checksum);
    }

    public static CacheEntry Read(ReadOnlySpan<byte> from) => new(
        BinaryPrimitives.ReadUInt128LittleEndian(from),
        BinaryPrimitives.ReadUInt128LittleEndian(from[16..]),
        BinaryPrimitives.ReadInt64LittleEndian(from[32..]),
        BinaryPrimitives.ReadInt64LittleEndian(from[40..]),
        BinaryPrimitives.ReadInt64LittleEndian(from[48..]),
        BinaryPrimitives.ReadInt32LittleEndian(from[56..]),
        BinaryPrimitives.ReadInt32LittleEndian(from[60..]),
        BinaryPrimitives.ReadInt32LittleEndian(from[64..]),
        BinaryPrimitives.ReadUInt32LittleEndian(from[68..]));
}

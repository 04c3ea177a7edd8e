using System.Buffers.Binary;
using MedPeft.Lora.Common;

namespace MedPeft.Lora.Imaging;

/// <summary>The chunks of a PNG file in memory.</summary>
internal static unsafe class PngChunks
{
    private const int Signature = 8;
    private const uint Idat = 0x49444154;
    private const uint Ihdr = 0x49484452;
    private const uint Iend = 0x49454E44;
    private const uint Trns = 0x74524E53;

    /// <summary>Whether the chunks are the usual ones in their usual order, whole and with the right checksums.</summary>
    /// <param name="file">The file.</param>
    /// <param name="length">Its bytes.</param>
    /// <param name="packed">The bytes of the IDAT chunks together: the compressed pixels.</param>
    public static bool AreFlawless(byte* file, int length, out int packed)
    {
        packed = 0;
        var (begun, ended) = (false, false);
        for (var at = Signature; length - at >= 12;)
        {
            var (size, type) = (Word(file + at), Word(file + at + 4));
            if (size > (uint)(length - at - 12)) return false;
            if (Word(file + at + 8 + size) != Crc32.Compute(new ReadOnlySpan<byte>(file + at + 4, (int)size + 4))) return false;
            if (type == Iend) return begun && size == 0;
            if (type == Idat)
            {
                if (ended) return false;
                begun = true;
                packed += (int)size;
            }
            else
            {
                ended = begun;
                // Lower case marks what a decoder may skip; of that, transparency (tRNS) changes what the general decoder does.
                if (type == Ihdr ? at != Signature : ((type >> 29) & 1) == 0 || type == Trns) return false;
            }

            at += (int)size + 12;
        }

        return false;
    }

    /// <summary>Copies the compressed pixels of a flawless file end to end.</summary>
    public static void Gather(byte* file, Span<byte> target)
    {
        for (var at = Signature; !target.IsEmpty; at += (int)Word(file + at) + 12)
        {
            if (Word(file + at + 4) != Idat) continue;
            var data = new ReadOnlySpan<byte>(file + at + 8, (int)Word(file + at));
            data.CopyTo(target);
            target = target[data.Length..];
        }
    }

    private static uint Word(byte* at) => BinaryPrimitives.ReadUInt32BigEndian(new ReadOnlySpan<byte>(at, 4));
}

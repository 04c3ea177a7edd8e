using System.Buffers;
using System.IO.Compression;

namespace MedPeft.Lora.Imaging;

/// <summary>A fast path for the files that radiographs come in: flawless 8-bit gray PNG without interlacing or transparency.</summary>
/// <remarks>
/// Anything else, and anything doubtful, is left to the general decoder, which also words the error: this one returns nothing or the very
/// same bytes. Checksums of chunks and of the stream are verified.
/// </remarks>
internal static unsafe class GrayPng
{
    private const int BlockBytes = 48 << 10;

    // Deflate cannot expand a byte further than this; a file that claims more ends early and is not worth an allocation.
    private const long MaxExpansion = 1032;

    /// <summary>Decodes a file, or returns null for the general decoder to try.</summary>
    public static PixelImage? TryDecode(byte* file, int length, ImageHeader header)
    {
        if (!header.IsPng || !header.IsGray || header.Bits != 8 || header.Interlaced || file[25] != 0 || file[26] != 0 || file[27] != 0) return null;
        var total = (header.Width + 1L) * header.Height;
        if (total > length * MaxExpansion || total > int.MaxValue / 2 || !PngChunks.AreFlawless(file, length, out var first)) return null;
        var pixels = GC.AllocateUninitializedArray<byte>(header.Width * header.Height);
        try
        {
            using var chunks = new PngChunks(file, length, first);
            using var zlib = new ZLibStream(chunks, CompressionMode.Decompress);
            return Unpack(zlib, header.Width, header.Height, pixels) && zlib.ReadByte() < 0 && chunks.AtEnd
                ? new PixelImage(header.Width, header.Height, 1, pixels) : null;
        }
        catch (InvalidDataException)
        {
            return null;
        }
    }

    private static bool Unpack(ZLibStream zlib, int width, int height, byte[] pixels)
    {
        var stride = width + 1;
        var rows = Math.Min(height, Math.Max(4, BlockBytes / stride));
        var block = ArrayPool<byte>.Shared.Rent(rows * stride);
        try
        {
            fixed (byte* raw = block, target = pixels)
            {
                // The row above the first one is all zeros.
                var zeros = new byte[stride];
                fixed (byte* zero = zeros)
                {
                    var above = zero;
                    for (var y = 0; y < height; y += rows)
                    {
                        var count = Math.Min(rows, height - y);
                        if (zlib.ReadAtLeast(block.AsSpan(0, count * stride), count * stride, false) < count * stride) return false;
                        if (!PngFilters.Undo(raw, stride, count, target + (long)y * width, width, above)) return false;
                        above = target + (y + count - 1L) * width;
                    }
                }
            }

            return true;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(block);
        }
    }
}

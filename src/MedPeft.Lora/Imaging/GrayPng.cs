using System.Buffers;

namespace MedPeft.Lora.Imaging;

/// <summary>A fast path for the files that radiographs come in: flawless 8-bit gray PNG without interlacing or transparency.</summary>
/// <remarks>
/// Anything else, and anything doubtful, is left to the general decoder, which also words the error: this one returns nothing or the very
/// same bytes. Checksums of chunks and of the stream are verified.
/// </remarks>
internal static unsafe class GrayPng
{
    // Deflate cannot expand a byte further than this; a file that claims more ends early and is not worth an allocation.
    private const long MaxExpansion = 1032;

    /// <summary>Decodes a file, or returns null for the general decoder to try.</summary>
    public static PixelImage? TryDecode(byte* file, int length, ImageHeader header)
    {
        if (!header.IsPng || !header.IsGray || header.Bits != 8 || header.Interlaced || file[25] != 0 || file[26] != 0 || file[27] != 0) return null;
        var total = (header.Width + 1L) * header.Height;
        if (total > length * MaxExpansion || total > int.MaxValue / 2 || !PngChunks.AreFlawless(file, length, out var packed)) return null;
        var input = ArrayPool<byte>.Shared.Rent(packed + Inflater.InputRoom);
        var rows = ArrayPool<byte>.Shared.Rent((int)total + Inflater.OutputRoom);
        try
        {
            PngChunks.Gather(file, input.AsSpan(0, packed));
            fixed (byte* from = input, raw = rows)
                return Inflater.TryUnpack(from, packed, raw, (int)total) ? Unfilter(raw, header.Width, header.Height) : null;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(input);
            ArrayPool<byte>.Shared.Return(rows);
        }
    }

    private static PixelImage? Unfilter(byte* raw, int width, int height)
    {
        var pixels = PixelBuffers.Take(width * height);
        // The row above the first one is all zeros.
        var zeros = new byte[width];
        fixed (byte* target = pixels, above = zeros)
            return PngFilters.Undo(raw, width + 1, height, target, width, above) ? new PixelImage(width, height, 1, pixels) : null;
    }
}

using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace MedPeft.Lora.Imaging.Dicom;

/// <summary>Pixel data without compression: PS3.5 §8.1 and annex D.</summary>
internal static class NativePixels
{
    /// <summary>Refuses pixel data shorter than the image. Longer is fine: one byte may pad it.</summary>
    public static void CheckLength(PixelLayout layout, long found)
    {
        // Rows, columns and bytes a sample fit 38 bits together, frames 31: Int128 holds what a long may not.
        var expected = (Int128)layout.NativeBytesPerFrame * layout.Frames;
        if (found >= expected) return;
        throw new DicomFormatException($"holds {found} bytes of pixels; {layout.Columns}x{layout.Rows} pixels in {layout.Frames} frame(s) take {expected}. The file is truncated or damaged: fetch it again.");
    }

    /// <summary>The sample cells of one frame, [rows, columns, samples], bits not yet masked.</summary>
    public static ushort[] Read(ReadOnlySpan<byte> pixels, PixelLayout layout, int frame, bool bigEndian, bool words)
    {
        var bytes = pixels.Slice(checked((int)(layout.NativeBytesPerFrame * frame)), checked((int)layout.NativeBytesPerFrame));
        var cells = GC.AllocateUninitializedArray<ushort>(layout.SamplesPerFrame);
        if (layout.Photometric == Photometric.YbrFull422) Read422(Swapped(pixels, layout, frame, bigEndian && words), cells);
        else if (layout.BitsAllocated == 16) Read16(bytes, cells, bigEndian);
        else Read8(Swapped(pixels, layout, frame, bigEndian && words), cells);
        return layout.Planar && layout.Photometric != Photometric.YbrFull422 ? Interleave(cells, layout.Samples) : cells;
    }

    /// <summary>Planes one after another become pixels one after another.</summary>
    public static ushort[] Interleave(ushort[] planes, int samples)
    {
        var size = planes.Length / samples;
        var pixels = new ushort[planes.Length];
        for (var sample = 0; sample < samples; sample++)
        {
            var plane = planes.AsSpan(sample * size, size);
            for (var i = 0; i < plane.Length; i++) pixels[(i * samples) + sample] = plane[i];
        }

        return pixels;
    }

    private static void Read16(ReadOnlySpan<byte> bytes, Span<ushort> cells, bool bigEndian)
    {
        bytes.CopyTo(MemoryMarshal.AsBytes(cells));
        if (bigEndian == BitConverter.IsLittleEndian) BinaryPrimitives.ReverseEndianness(cells, cells);
    }

    private static void Read8(ReadOnlySpan<byte> bytes, Span<ushort> cells)
    {
        Cells.Widen(bytes[..cells.Length], cells);
    }

    /// <summary>Two pixels share their colour: Y1 Y2 Cb Cr, whatever the planar configuration says.</summary>
    private static void Read422(ReadOnlySpan<byte> bytes, Span<ushort> cells)
    {
        for (int source = 0, target = 0; target + 5 < cells.Length; source += 4, target += 6)
        {
            (cells[target], cells[target + 1], cells[target + 2]) = (bytes[source], bytes[source + 2], bytes[source + 3]);
            (cells[target + 3], cells[target + 4], cells[target + 5]) = (bytes[source + 1], bytes[source + 2], bytes[source + 3]);
        }
    }

    /// <summary>The bytes of a frame; in a big endian file, bytes that were written as words lie in swapped pairs, which may cross frames.</summary>
    private static ReadOnlySpan<byte> Swapped(ReadOnlySpan<byte> pixels, PixelLayout layout, int frame, bool swap)
    {
        var start = (int)(layout.NativeBytesPerFrame * frame);
        var length = (int)layout.NativeBytesPerFrame;
        if (!swap) return pixels.Slice(start, length);
        if ((start + length) % 2 != 0 && start + length == pixels.Length)
            throw new DicomFormatException($"holds {pixels.Length} bytes of pixels in 16-bit words, an odd number. The file is truncated or damaged.");
        var swapped = new byte[length];
        for (var i = 0; i < length; i++) swapped[i] = pixels[(start + i) ^ 1];
        return swapped;
    }
}

using System.Numerics;
using System.Runtime.CompilerServices;

namespace MedPeft.Lora.Imaging;

/// <summary>Undoes the filters of PNG rows of one byte a pixel.</summary>
internal static unsafe class PngFilters
{
    /// <summary>Turns filtered rows into pixels.</summary>
    /// <param name="raw">Rows of a filter type and <paramref name="width"/> bytes.</param>
    /// <param name="stride">Bytes from row to row in <paramref name="raw"/>.</param>
    /// <param name="rows">How many rows.</param>
    /// <param name="target">Receives the pixels without gaps.</param>
    /// <param name="width">Pixels in a row.</param>
    /// <param name="above">The row above the first one.</param>
    /// <returns>Whether all filter types are known.</returns>
    public static bool Undo(byte* raw, int stride, int rows, byte* target, int width, byte* above)
    {
        for (var y = 0; y < rows;)
        {
            // Paeth waits for the pixel to the left; four rows a pixel apart keep the processor busy meanwhile.
            if (width >= 4 && y + 4 <= rows && raw[0] == 4 && raw[stride] == 4 && raw[2 * stride] == 4 && raw[3 * stride] == 4)
            {
                FourPaeth(raw + 1, stride, target, width, above);
                y += 4;
                raw += 4 * stride;
                above = target + 3L * width;
                target += 4L * width;
                continue;
            }

            if (!One(raw[0], raw + 1, target, width, above)) return false;
            y++;
            raw += stride;
            above = target;
            target += width;
        }

        return true;
    }

    private static bool One(byte filter, byte* raw, byte* target, int width, byte* above)
    {
        switch (filter)
        {
            case 0:
                Unsafe.CopyBlockUnaligned(target, raw, (uint)width);
                return true;
            case 1:
                for (int x = 0, left = 0; x < width; x++) target[x] = (byte)(left += raw[x]);
                return true;
            case 2:
                Up(raw, target, width, above);
                return true;
            case 3:
                for (int x = 0, left = 0; x < width; x++) target[x] = (byte)(left = (byte)(raw[x] + ((left + above[x]) >> 1)));
                return true;
            case 4:
                for (int x = 0, left = 0, corner = 0; x < width; x++)
                {
                    int up = above[x];
                    target[x] = (byte)(left = Paeth(raw[x], left, up, corner));
                    corner = up;
                }

                return true;
            default:
                return false;
        }
    }

    private static void Up(byte* raw, byte* target, int width, byte* above)
    {
        var x = 0;
        for (; x <= width - Vector<byte>.Count; x += Vector<byte>.Count)
            Unsafe.WriteUnaligned(target + x, Unsafe.ReadUnaligned<Vector<byte>>(raw + x) + Unsafe.ReadUnaligned<Vector<byte>>(above + x));
        for (; x < width; x++) target[x] = (byte)(raw[x] + above[x]);
    }

    private static void FourPaeth(byte* r0, int stride, byte* t0, int width, byte* above)
    {
        byte* r1 = r0 + stride, r2 = r1 + stride, r3 = r2 + stride;
        byte* t1 = t0 + width, t2 = t1 + width, t3 = t2 + width;
        // a: the last pixel of each row, which is also the one above for the row below; c: the one before it.
        int a0 = 0, a1 = 0, a2 = 0, a3 = 0, c0 = 0, c1 = 0, c2 = 0, c3 = 0;
        for (var x = 0; x < width + 3; x++)
        {
            // From the lowest row up, so that each finds its neighbour above as the step before left it.
            var (b1, b2, b3) = (a0, a1, a2);
            if (x >= 3) t3[x - 3] = (byte)(a3 = Paeth(r3[x - 3], a3, b3, c3));
            if (x >= 2 && x < width + 2) t2[x - 2] = (byte)(a2 = Paeth(r2[x - 2], a2, b2, c2));
            if (x >= 1 && x < width + 1) t1[x - 1] = (byte)(a1 = Paeth(r1[x - 1], a1, b1, c1));
            var b0 = x < width ? above[x] : 0;
            if (x < width) t0[x] = (byte)(a0 = Paeth(r0[x], a0, b0, c0));
            if (x >= 3) c3 = b3;
            if (x >= 2) c2 = b2;
            if (x >= 1) c1 = b1;
            c0 = b0;
        }
    }

    /// <summary>Whichever of left, up and corner is nearest to left + up - corner, plus the filtered byte; without a branch.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Paeth(int raw, int left, int up, int corner)
    {
        var (toLeft, toUp) = (up - corner, left - corner);
        var toCorner = Absolute(toLeft + toUp);
        (toLeft, toUp) = (Absolute(toLeft), Absolute(toUp));
        var cornerIsNearer = (toCorner - toUp) >> 31;
        var other = up ^ ((up ^ corner) & cornerIsNearer);
        var nearest = toUp + ((toCorner - toUp) & cornerIsNearer);
        var otherIsNearer = (nearest - toLeft) >> 31;
        return (raw + (left ^ ((left ^ other) & otherIsNearer))) & 255;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Absolute(int value) => (value ^ (value >> 31)) - (value >> 31);
}

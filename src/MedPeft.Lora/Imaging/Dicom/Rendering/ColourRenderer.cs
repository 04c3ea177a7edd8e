namespace MedPeft.Lora.Imaging.Dicom.Rendering;

/// <summary>From stored colours to 8-bit RGB or gray: PS3.3 §C.7.6.3.1.2. Colours have no window.</summary>
internal static class ColourRenderer
{
    /// <summary>Renders three samples a pixel.</summary>
    /// <param name="frame">Stored values, [height, width, 3].</param>
    /// <param name="isRgb">They are red, green and blue, not luminance and two colour differences.</param>
    /// <param name="gray">Whether one channel is wanted: ITU-R 601 luma in the fixed-point form of Pillow.</param>
    public static PixelImage Render(RawFrame frame, bool isRgb, bool gray)
    {
        var values = frame.Values;
        var size = frame.Width * frame.Height;
        var channels = gray ? 1 : 3;
        var pixels = new byte[size * channels];
        var top = (1 << frame.Bits) - 1;
        for (int i = 0, source = 0; i < size; i++, source += 3)
        {
            int r, g, b;
            if (isRgb)
            {
                (r, g, b) = (values[source], values[source + 1], values[source + 2]);
                if (frame.Bits != 8) (r, g, b) = (Scale(r, top), Scale(g, top), Scale(b, top));
            }
            else
            {
                (r, g, b) = ToRgb(values[source], values[source + 1] - 128, values[source + 2] - 128);
            }

            if (gray) pixels[i] = (byte)(((19595 * r) + (38470 * g) + (7471 * b) + 32768) >> 16);
            else (pixels[3 * i], pixels[(3 * i) + 1], pixels[(3 * i) + 2]) = ((byte)r, (byte)g, (byte)b);
        }

        return new PixelImage(frame.Width, frame.Height, channels, pixels);
    }

    private static int Scale(int value, int top) => ((value * 255) + (top / 2)) / top;

    /// <summary>The inverse of the full-range transform of ITU-R 601, in 16-bit fixed point.</summary>
    private static (int R, int G, int B) ToRgb(int y, int cb, int cr)
    {
        var r = y + (((91881 * cr) + 32768) >> 16);
        var g = y - (((22554 * cb) + (46802 * cr) + 32768) >> 16);
        var b = y + (((116130 * cb) + 32768) >> 16);
        return (Math.Clamp(r, 0, 255), Math.Clamp(g, 0, 255), Math.Clamp(b, 0, 255));
    }
}

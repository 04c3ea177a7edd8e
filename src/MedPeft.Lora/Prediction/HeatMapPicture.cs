using System.Globalization;
using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Prediction;

/// <summary>Paints a heat map over a radiograph, and its legend beside it.</summary>
internal static class HeatMapPicture
{
    private const byte Paper = 255;
    private const byte Ink = 40;

    // What a legend's colours are mixed with: the gray of a lung field, so that they look as they do in the picture.
    private const double LegendGray = 96;

    public static PixelImage Draw(HeatMap map, PixelImage radiograph, double opacity)
    {
        var side = radiograph.Width;
        var dot = Math.Max(1, side / 256);
        var (low, high) = (Number(map.Low), Number(map.High));
        var text = Math.Max(low.Length, high.Length) * PixelDigits.Advance * dot;
        var (gap, bar) = (6 * dot, 14 * dot);
        var width = side + gap + bar + gap + text + gap;
        var picture = new byte[checked(width * side * 3)];
        picture.AsSpan().Fill(Paper);

        var (coldest, range) = (map.Low, map.High - map.Low);
        var gray = radiograph.Channels == 1;
        for (var y = 0; y < side; y++)
        {
            for (var x = 0; x < side; x++)
            {
                var heat = range > 0 ? (At(map, (x + .5) / side, (y + .5) / side) - coldest) / range : 0;
                var from = (y * side + x) * radiograph.Channels;
                var pixels = radiograph.Pixels;
                Mix(picture.AsSpan((y * width + x) * 3), pixels[from], pixels[from + (gray ? 0 : 1)], pixels[from + (gray ? 0 : 2)], heat, opacity);
            }

            for (var x = 0; x < bar; x++)
                Mix(picture.AsSpan((y * width + side + gap + x) * 3), LegendGray, LegendGray, LegendGray, 1 - (y + .5) / side, opacity);
        }

        Write(picture, width, high, side + gap + bar + gap, gap, dot);
        Write(picture, width, low, side + gap + bar + gap, side - gap - PixelDigits.Height * dot, dot);
        return new PixelImage(width, side, 3, picture);
    }

    /// <summary>The map at a place, 0 to 1 across and down, linear between the middles of patches and constant outside them.</summary>
    internal static double At(HeatMap map, double across, double down)
    {
        var (x0, tx) = Split(across, map.Grid);
        var (y0, ty) = Split(down, map.Grid);
        var (x1, y1) = (Math.Min(x0 + 1, map.Grid - 1), Math.Min(y0 + 1, map.Grid - 1));
        var upper = map[y0, x0] + (map[y0, x1] - (double)map[y0, x0]) * tx;
        var lower = map[y1, x0] + (map[y1, x1] - (double)map[y1, x0]) * tx;
        return upper + (lower - upper) * ty;
    }

    private static (int Patch, double Beyond) Split(double place, int grid)
    {
        var at = Math.Clamp(place * grid - .5, 0, grid - 1);
        return ((int)at, at - (int)at);
    }

    private static void Mix(Span<byte> pixel, double red, double green, double blue, double heat, double opacity)
    {
        var cover = opacity * Math.Clamp(heat, 0, 1);
        var (r, g, b) = ColorMap.Of(heat);
        pixel[0] = (byte)Math.Round(red + (r - red) * cover);
        pixel[1] = (byte)Math.Round(green + (g - green) * cover);
        pixel[2] = (byte)Math.Round(blue + (b - blue) * cover);
    }

    private static void Write(byte[] picture, int width, string text, int left, int top, int dot)
    {
        for (var i = 0; i < text.Length; i++)
            for (var y = 0; y < PixelDigits.Height * dot; y++)
                for (var x = 0; x < PixelDigits.Width * dot; x++)
                    if (PixelDigits.IsSet(text[i], x / dot, y / dot))
                        picture.AsSpan(((top + y) * width + left + i * PixelDigits.Advance * dot + x) * 3, 3).Fill(Ink);
    }

    private static string Number(float value) => value.ToString("G3", CultureInfo.InvariantCulture);
}

using SkiaSharp;

namespace MedPeft.Samples.Drawing;

/// <summary>A radiograph and its heat maps side by side, as one PNG.</summary>
public static class MapSheet
{
    private const int Side = 420;
    private const int Gap = 24;
    private const int Head = 92;
    private const int Caption = 58;
    private const int Foot = 44;

    private static readonly SKColor Ink = SKColor.Parse("#1E293B");
    private static readonly SKColor Quiet = SKColor.Parse("#64748B");

    /// <summary>Draws the sheet.</summary>
    /// <param name="path">The PNG file; replaced if it exists.</param>
    /// <param name="title">Large, at the top.</param>
    /// <param name="subtitle">Below it.</param>
    /// <param name="footer">Small, at the bottom: how to read the colours.</param>
    /// <param name="panels">From left to right; each is drawn as high as the others.</param>
    public static void Save(string path, string title, string subtitle, string footer, IReadOnlyList<MapPanel> panels)
    {
        ArgumentNullException.ThrowIfNull(panels);
        if (panels.Count == 0) throw new ArgumentException("There is no picture to draw.", nameof(panels));
        int[] widths = [.. panels.Select(panel => panel.Width * Side / panel.Height)];
        using var surface = SKSurface.Create(new SKImageInfo(widths.Sum() + (Gap * (panels.Count + 1)), Head + Caption + Side + Foot, SKColorType.Rgba8888, SKAlphaType.Premul));
        var canvas = surface.Canvas;
        canvas.Clear(SKColors.White);
        Write(canvas, title, Gap, 40, 24, Ink, EmbeddedFonts.Bold);
        Write(canvas, subtitle, Gap, 68, 15, Quiet, EmbeddedFonts.Regular);
        float x = Gap;
        for (var k = 0; k < panels.Count; k++)
        {
            var panel = panels[k];
            Write(canvas, panel.Title, x, Head + 18, 16, Ink, EmbeddedFonts.Bold);
            Write(canvas, panel.Note, x, Head + 40, 13, Quiet, EmbeddedFonts.Regular);
            using var picture = Picture(panel);
            canvas.DrawImage(picture, new SKRect(x, Head + Caption, x + widths[k], Head + Caption + Side), new SKSamplingOptions(SKCubicResampler.Mitchell));
            x += widths[k] + Gap;
        }

        Write(canvas, footer, Gap, Head + Caption + Side + 28, 12.5f, Quiet, EmbeddedFonts.Regular);
        using var image = surface.Snapshot();
        using var data = image.Encode(SKEncodedImageFormat.Png, 100);
        using var file = File.Create(path);
        data.SaveTo(file);
    }

    private static SKImage Picture(MapPanel panel)
    {
        var rgba = new byte[panel.Width * panel.Height * 4];
        for (int i = 0, from = 0; i < rgba.Length; i += 4, from += panel.Channels)
        {
            for (var c = 0; c < 3; c++) rgba[i + c] = panel.Pixels[from + (panel.Channels == 1 ? 0 : c)];
            rgba[i + 3] = 255;
        }

        return SKImage.FromPixelCopy(new SKImageInfo(panel.Width, panel.Height, SKColorType.Rgba8888, SKAlphaType.Opaque), rgba, panel.Width * 4);
    }

    private static void Write(SKCanvas canvas, string text, float x, float y, float size, SKColor color, SKTypeface face)
    {
        using var font = new SKFont(face, size) { Edging = SKFontEdging.Antialias };
        using var paint = new SKPaint { Color = color, IsAntialias = true };
        canvas.DrawText(text, x, y, SKTextAlign.Left, font, paint);
    }
}

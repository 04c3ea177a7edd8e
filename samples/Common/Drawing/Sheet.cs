using System.Globalization;
using SkiaSharp;

namespace MedPeft.Samples.Drawing;

/// <summary>A contact sheet: radiographs with what is there and what the model found, as one PNG.</summary>
public static class Sheet
{
    private const int Picture = 300;
    private const int Gap = 22;
    private const int LineHeight = 23;
    private const int Lines = 6;
    private const int CellWidth = Picture + Gap;
    private const int CellHeight = Picture + 36 + (Lines * LineHeight) + Gap;
    private const int Head = 96;

    private static readonly SKColor Ink = SKColor.Parse("#1E293B");
    private static readonly SKColor Quiet = SKColor.Parse("#64748B");
    private static readonly SKColor Found = SKColor.Parse("#0F9D73");
    private static readonly SKColor Missed = SKColor.Parse("#D97706");
    private static readonly SKColor False = SKColor.Parse("#D7263D");

    /// <summary>Draws the sheet.</summary>
    /// <param name="path">The PNG file; replaced if it exists.</param>
    /// <param name="title">Large, at the top.</param>
    /// <param name="subtitle">Below it: which model, which images.</param>
    /// <param name="items">Row by row.</param>
    /// <param name="columns">Pictures in a row.</param>
    public static void Save(string path, string title, string subtitle, IReadOnlyList<SheetItem> items, int columns = 4)
    {
        ArgumentNullException.ThrowIfNull(items);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(columns);
        if (items.Count == 0) throw new ArgumentException("There is no picture to draw.", nameof(items));
        var rows = (items.Count + columns - 1) / columns;
        using var surface = SKSurface.Create(new SKImageInfo((columns * CellWidth) + Gap, Head + (rows * CellHeight) + 8, SKColorType.Rgba8888, SKAlphaType.Premul));
        var canvas = surface.Canvas;
        canvas.Clear(SKColors.White);
        Write(canvas, title, Gap, 40, 25, Ink, EmbeddedFonts.Bold);
        Write(canvas, subtitle, Gap, 68, 15, Quiet);
        Legend(canvas, (columns * CellWidth) + Gap);
        for (var k = 0; k < items.Count; k++) Draw(canvas, items[k], Gap + (k % columns * CellWidth), Head + (k / columns * CellHeight));
        using var image = surface.Snapshot();
        using var data = image.Encode(SKEncodedImageFormat.Png, 100);
        using var file = File.Create(path);
        data.SaveTo(file);
    }

    private static void Draw(SKCanvas canvas, SheetItem item, float x, float y)
    {
        using var picture = SKImage.FromPixelCopy(new SKImageInfo(item.Size, item.Size, SKColorType.Gray8, SKAlphaType.Opaque), item.Pixels, item.Size);
        using var paint = new SKPaint { IsAntialias = true };
        canvas.Save();
        using var frame = new SKRoundRect(new SKRect(x, y, x + Picture, y + Picture), 6);
        canvas.ClipRoundRect(frame, SKClipOperation.Intersect, true);
        canvas.DrawImage(picture, new SKRect(x, y, x + Picture, y + Picture), new SKSamplingOptions(SKCubicResampler.CatmullRom), paint);
        canvas.Restore();
        Write(canvas, item.Title, x, y + Picture + 24, 13.5f, Quiet);

        // What is there comes first, then what was only thought to be there.
        var shown = item.Predictions.Where(p => p.Present || p.Positive).OrderByDescending(p => p.Present).ThenByDescending(p => p.Probability).ToList();
        var line = y + Picture + 36;
        if (!shown.Any(p => p.Present)) Finding(canvas, "No finding", null, shown.Count == 0 ? Found : Quiet, shown.Count == 0, x, ref line);
        var room = Lines - (shown.Any(p => p.Present) ? 0 : 1);
        foreach (var p in shown.Take(shown.Count > room ? room - 1 : room))
        {
            Finding(canvas, p.Label.Replace('_', ' '), p.Probability, p.Present ? p.Positive ? Found : Missed : False, p.Present && p.Positive, x, ref line);
        }

        if (shown.Count > room) Write(canvas, $"and {shown.Count - room + 1} more", x + 20, line + 16, 13, Quiet);
    }

    private static void Finding(SKCanvas canvas, string name, double? probability, SKColor color, bool tick, float x, ref float y)
    {
        using var paint = new SKPaint { IsAntialias = true, Color = color, Style = SKPaintStyle.Stroke, StrokeWidth = 2.2f, StrokeCap = SKStrokeCap.Round, StrokeJoin = SKStrokeJoin.Round };
        float left = x + 3, middle = y + 11;
        using var builder = new SKPathBuilder();
        if (tick)
        {
            builder.MoveTo(left, middle);
            builder.LineTo(left + 4, middle + 4);
            builder.LineTo(left + 11, middle - 5);
        }
        else if (color == Missed)
        {
            builder.AddCircle(left + 5.5f, middle, 4.5f);
        }
        else if (color == False)
        {
            builder.MoveTo(left + 1, middle - 4.5f);
            builder.LineTo(left + 10, middle + 4.5f);
            builder.MoveTo(left + 10, middle - 4.5f);
            builder.LineTo(left + 1, middle + 4.5f);
        }

        using var mark = builder.Detach();
        canvas.DrawPath(mark, paint);
        Write(canvas, name, x + 22, y + 16, 14.5f, color == Quiet ? Quiet : Ink);
        if (probability is { } p)
        {
            paint.Style = SKPaintStyle.Fill;
            float barLeft = x + 176, barWidth = Picture - 176 - 44;
            paint.Color = SKColor.Parse("#EEF2F6");
            canvas.DrawRoundRect(barLeft, y + 7, barWidth, 8, 4, 4, paint);
            paint.Color = color;
            canvas.DrawRoundRect(barLeft, y + 7, Math.Max(8, (float)(barWidth * p)), 8, 4, 4, paint);
            Write(canvas, p.ToString("P0", CultureInfo.InvariantCulture).Replace(" ", "", StringComparison.Ordinal), x + Picture, y + 16, 13, Ink, align: SKTextAlign.Right);
        }

        y += LineHeight;
    }

    private static void Legend(SKCanvas canvas, float right)
    {
        float y = 50, x = right - 372;
        foreach (var (name, color, tick, width) in (ReadOnlySpan<(string, SKColor, bool, float)>)[("found", Found, true, 100), ("missed", Missed, false, 108), ("false alarm", False, false, 150)])
        {
            var line = y;
            Finding(canvas, name, null, color, tick, x, ref line);
            x += width;
        }
    }

    private static void Write(SKCanvas canvas, string text, float x, float y, float size, SKColor color, SKTypeface? face = null, SKTextAlign align = SKTextAlign.Left)
    {
        using var font = new SKFont(face ?? EmbeddedFonts.Regular, size) { Edging = SKFontEdging.Antialias, Subpixel = true, Hinting = SKFontHinting.Slight };
        using var paint = new SKPaint { IsAntialias = true, Color = color };
        canvas.DrawText(text, x, y, align, font, paint);
    }
}

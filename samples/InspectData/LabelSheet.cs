using System.Globalization;
using MedPeft.Lora.Data;
using MedPeft.Lora.Imaging;
using MedPeft.Samples.Drawing;
using SkiaSharp;

namespace MedPeft.Samples.InspectData;

/// <summary>A contact sheet of images with their labels and boxes. It names no file and no patient, so it may be passed on where the images may.</summary>
internal static class LabelSheet
{
    private const int Picture = 300;
    private const int Gap = 22;
    private const int LineHeight = 21;
    private const int MostLines = 6;
    private const int CellWidth = Picture + Gap;
    private const int Head = 92;
    private const int Columns = 4;

    private static readonly SKColor Ink = SKColor.Parse("#1E293B");
    private static readonly SKColor Quiet = SKColor.Parse("#64748B");
    private static readonly SKColor Box = SKColor.Parse("#F59E0B");

    /// <summary>Draws the sheet: some images of every label, spread over the set.</summary>
    public static void Save(string path, ImageDataset data, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        var chosen = Choose(data, count);
        string[][] labels = [.. chosen.Select(i => Labels(data, data[i]))];
        var cellHeight = Picture + 34 + (labels.Max(l => l.Length) * LineHeight) + Gap;
        var rows = (chosen.Count + Columns - 1) / Columns;
        using var surface = SKSurface.Create(new SKImageInfo((Columns * CellWidth) + Gap, Head + (rows * cellHeight), SKColorType.Rgba8888, SKAlphaType.Premul));
        var canvas = surface.Canvas;
        canvas.Clear(SKColors.White);
        Write(canvas, data.Name, Gap, 40, 25, Ink, EmbeddedFonts.Bold);
        var summary = data.ToString();
        Write(canvas, summary[(summary.IndexOf(':', StringComparison.Ordinal) + 2)..], Gap, 68, 15, Quiet);
        for (var k = 0; k < chosen.Count; k++) Draw(canvas, data, chosen[k], labels[k], Gap + (k % Columns * CellWidth), Head + (k / Columns * cellHeight));
        using var image = surface.Snapshot();
        using var png = image.Encode(SKEncodedImageFormat.Png, 100);
        using var file = File.Create(path);
        png.SaveTo(file);
    }

    /// <summary>Positions of readable images: each label in turn gives its next positive, then those without a finding.</summary>
    private static List<int> Choose(ImageDataset data, int count)
    {
        var queues = Enumerable.Range(0, data.Labels.Count).Select(k => Enumerable.Range(0, data.Count).Where(i => data[i].Labels[k] == 1))
            .Append(Enumerable.Range(0, data.Count).Where(i => !data[i].Labels.Contains(1))).Select(q => new Queue<int>(q)).ToArray();
        var chosen = new List<int>();
        var seen = new HashSet<int>();
        while (chosen.Count < count && queues.Any(q => q.Count > 0))
            foreach (var queue in queues)
                while (chosen.Count < count && queue.TryDequeue(out var i) && (!seen.Add(i) || !Add(i)))
                    continue;
        chosen.Sort();
        return chosen;

        bool Add(int i)
        {
            try
            {
                data[i].Decode();
            }
            catch (ImageException)
            {
                return false;
            }

            chosen.Add(i);
            return true;
        }
    }

    private static void Draw(SKCanvas canvas, ImageDataset data, int index, string[] labels, float x, float y)
    {
        var record = data[index];
        var image = record.Decode();
        var scale = (float)Picture / Math.Max(image.Width, image.Height);
        float width = image.Width * scale, height = image.Height * scale;
        using var picture = Wrap(image);
        using var paint = new SKPaint { IsAntialias = true };
        var place = SKRect.Create(x + ((Picture - width) / 2), y + ((Picture - height) / 2), width, height);
        canvas.DrawImage(picture, place, new SKSamplingOptions(SKFilterMode.Linear, SKMipmapMode.Linear), paint);
        (paint.Style, paint.Color, paint.StrokeWidth) = (SKPaintStyle.Stroke, Box, 2);
        foreach (var box in record.Boxes)
            canvas.DrawRect(place.Left + ((float)box.X * scale), place.Top + ((float)box.Y * scale), (float)box.Width * scale, (float)box.Height * scale, paint);

        var age = record.Age is { } years ? string.Create(CultureInfo.InvariantCulture, $", {years:0} years") : "";
        var sex = record.Sex == Sex.Unknown ? "" : $", {record.Sex}";
        Write(canvas, $"#{index}  {record.View}{sex}{age}", x, y + Picture + 22, 13.5f, Quiet);
        var line = y + Picture + 44;
        foreach (var label in labels)
        {
            Write(canvas, label, x, line, 14.5f, label.EndsWith('?') || label.StartsWith("none", StringComparison.Ordinal) ? Quiet : Ink);
            line += LineHeight;
        }
    }

    // What is there, then with a question mark what nobody said.
    private static string[] Labels(ImageDataset data, ImageRecord record)
    {
        string[] labels = [.. Of(v => v == 1, ""), .. Of(float.IsNaN, "?")];
        if (labels.Length == 0) return ["none of the labels"];
        return labels.Length > MostLines ? [.. labels[..(MostLines - 1)], $"and {labels.Length - MostLines + 1} more"] : labels;

        IEnumerable<string> Of(Predicate<float> which, string mark) => data.Labels.Where((_, k) => which(record.Labels[k])).Select(l => l.Replace('_', ' ') + mark);
    }

    private static SKImage Wrap(PixelImage image)
    {
        if (image.Channels == 1) return SKImage.FromPixelCopy(new SKImageInfo(image.Width, image.Height, SKColorType.Gray8, SKAlphaType.Opaque), image.Pixels, image.Width);
        var rgba = new byte[image.Width * image.Height * 4];
        for (int i = 0, p = 0; i < rgba.Length; i += 4, p += 3)
            (rgba[i], rgba[i + 1], rgba[i + 2], rgba[i + 3]) = (image.Pixels[p], image.Pixels[p + 1], image.Pixels[p + 2], 255);
        return SKImage.FromPixelCopy(new SKImageInfo(image.Width, image.Height, SKColorType.Rgba8888, SKAlphaType.Opaque), rgba, image.Width * 4);
    }

    private static void Write(SKCanvas canvas, string text, float x, float y, float size, SKColor color, SKTypeface? face = null)
    {
        using var font = new SKFont(face ?? EmbeddedFonts.Regular, size) { Edging = SKFontEdging.Antialias, Subpixel = true, Hinting = SKFontHinting.Slight };
        using var paint = new SKPaint { IsAntialias = true, Color = color };
        canvas.DrawText(text, x, y, SKTextAlign.Left, font, paint);
    }
}

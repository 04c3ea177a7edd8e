using System.Globalization;
using SkiaSharp;

namespace MedPeft.Samples.Phantoms;

/// <summary>Writes a cohort of phantoms as the NIH Clinical Center publishes ChestX-ray14: images, table and lists, in its names and format.</summary>
public static class PhantomNih
{
    /// <summary>The table's name in the 2020 release.</summary>
    public const string TableName = "Data_Entry_2017_v2020.csv";

    private const string Header =
        "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]";

    /// <summary>Draws and writes a cohort. Lists never share a patient.</summary>
    /// <param name="folder">Where to; created when missing. Files of the same names are replaced.</param>
    /// <param name="options">Who.</param>
    /// <param name="lists">Name and number of images of each list, in the order in which patients are dealt out; what is left over goes to the last one.</param>
    /// <param name="progress">Images written so far.</param>
    /// <param name="cancellation">Stops between two images.</param>
    /// <returns>The images of each list.</returns>
    public static IReadOnlyDictionary<string, IReadOnlyList<PhantomVisit>> Write(
        string folder, CohortOptions options, IReadOnlyList<(string Name, int Images)> lists, IProgress<int>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        var parts = CohortFiles.Deal(options, lists);
        var images = Directory.CreateDirectory(Path.Combine(folder, "images")).FullName;
        PhantomVisit[] visits = [.. lists.SelectMany(list => parts[list.Name])];
        CohortFiles.Draw(visits, visit => WritePng(Path.Combine(images, visit.FileName), ThoraxPhantom.Draw(visit.Case, options.Size), options.Size), progress, cancellation);
        CohortFiles.WriteLines(Path.Combine(folder, TableName), visits.Select(visit => Row(visit, options.Size)).Prepend(Header));
        foreach (var (name, part) in parts) CohortFiles.WriteLines(Path.Combine(folder, name), part.Select(visit => visit.FileName));
        return parts;
    }

    /// <summary>Writes a list with labels, as MED-PEFT's splits are written: path, then one 0 or 1 a label.</summary>
    public static void WriteLabelList(string path, IEnumerable<PhantomVisit> visits) =>
        CohortFiles.WriteLines(path, visits.Select(visit => $"{visit.FileName} {string.Join(' ', FindingNames.All.Select((_, k) => visit.Case.Findings.Has(k) ? 1 : 0))}"));

    /// <summary>Writes one gray picture.</summary>
    public static void WritePng(string path, byte[] pixels, int size)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        using var image = SKImage.FromPixelCopy(new SKImageInfo(size, size, SKColorType.Gray8, SKAlphaType.Opaque), pixels, size);
        // Level 1 with the Up filter: radiographs are noise, more effort buys a few percent.
        using var data = image.PeekPixels()?.Encode(new SKPngEncoderOptions(SKPngEncoderFilterFlags.Up, 1)) ?? throw new IOException($"'{path}' could not be encoded as PNG.");
        using var file = File.Create(path);
        data.SaveTo(file);
    }

    private static string Row(PhantomVisit visit, int size)
    {
        var who = visit.Case;
        var spacing = (420.0 / size).ToString(CultureInfo.InvariantCulture);
        return $"{visit.FileName},{who.Findings.ToNihText()},{visit.FollowUp},{visit.Patient},{who.Age},{(who.Female ? 'F' : 'M')},{(who.Ap ? "AP" : "PA")},{size},{size},{spacing},{spacing}";
    }
}

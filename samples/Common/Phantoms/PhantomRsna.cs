using System.Buffers.Binary;

namespace MedPeft.Samples.Phantoms;

/// <summary>
/// Writes a cohort of phantoms as the RSNA Pneumonia Detection Challenge publishes its stage 2: DICOM files, a row a box, the class of each image, and
/// RSNA's mapping to ChestX-ray14, without which nobody knows the patients.
/// </summary>
public static class PhantomRsna
{
    /// <summary>The folder of the images.</summary>
    public const string Images = "stage_2_train_images";

    /// <summary>Draws and writes a cohort. Lists never share a patient.</summary>
    /// <param name="folder">Where to; created when missing. Files of the same names are replaced.</param>
    /// <param name="options">Who.</param>
    /// <param name="lists">
    /// Name and number of images of each list, in the order in which patients are dealt out. The challenge has none; these are as MED-PEFT writes them: a
    /// path and the label, each line with a space at its end.
    /// </param>
    /// <param name="progress">Images written so far.</param>
    /// <param name="cancellation">Stops between two images.</param>
    /// <returns>The images of each list.</returns>
    public static IReadOnlyDictionary<string, IReadOnlyList<PhantomVisit>> Write(
        string folder, CohortOptions options, IReadOnlyList<(string Name, int Images)> lists, IProgress<int>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        var parts = CohortFiles.Deal(options, lists);
        var images = Directory.CreateDirectory(Path.Combine(folder, Images)).FullName;
        PhantomVisit[] visits = [.. lists.SelectMany(list => parts[list.Name])];
        var place = visits.Select((visit, i) => (visit, i)).ToDictionary(v => v.visit, v => v.i);
        var boxes = new IReadOnlyList<PhantomBox>[visits.Length];
        CohortFiles.Draw(
            visits,
            visit =>
            {
                var pixels = ThoraxPhantom.Draw(visit.Case, options.Size, out boxes[place[visit]]);
                PhantomDicom.Write(Path.Combine(images, $"{Id(visit)}.dcm"), pixels, options.Size, visit.Case, Id(visit));
            },
            progress,
            cancellation);

        // As published, the tables follow the names, not the patients.
        var order = Enumerable.Range(0, visits.Length).OrderBy(i => Id(visits[i])).ToArray();
        CohortFiles.WriteLines(
            Path.Combine(folder, "stage_2_train_labels.csv"), order.SelectMany(i => Rows(visits[i], boxes[i])).Prepend("patientId,x,y,width,height,Target"));
        CohortFiles.WriteLines(
            Path.Combine(folder, "stage_2_detailed_class_info.csv"),
            order.SelectMany(i => Enumerable.Repeat($"{Id(visits[i])},{Class(visits[i], boxes[i])}", Math.Max(1, boxes[i].Count))).Prepend("patientId,class"));
        var mapping = order.Select(i => $$"""{"img_id":"{{visits[i].FileName}}","subset_img_id":"{{Id(visits[i])}}"}""");
        File.WriteAllText(Path.Combine(folder, "pneumonia-challenge-dataset-mappings_2018.json"), $"[{string.Join(",\n", mapping)}]\n");
        foreach (var (name, part) in parts)
            CohortFiles.WriteLines(Path.Combine(folder, name), part.Select(v => $"{Images}/{Id(v)}.dcm {Math.Min(1, boxes[place[v]].Count)} "));
        return parts;
    }

    /// <summary>The image's name: a UUID, as in the challenge, that its patient and visit decide.</summary>
    public static Guid Id(PhantomVisit visit)
    {
        ArgumentNullException.ThrowIfNull(visit);
        var dice = Dice.For(visit.Case.Exposure, "name");
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, dice.NextUInt64());
        BinaryPrimitives.WriteUInt64BigEndian(bytes[8..], dice.NextUInt64());
        return new Guid(bytes, bigEndian: true);
    }

    private static IEnumerable<string> Rows(PhantomVisit visit, IReadOnlyList<PhantomBox> boxes)
        => boxes.Count == 0 ? [$"{Id(visit)},,,,,0"] : boxes.Select(b => $"{Id(visit)},{b.X}.0,{b.Y}.0,{b.Width}.0,{b.Height}.0,1");

    private static string Class(PhantomVisit visit, IReadOnlyList<PhantomBox> boxes)
        => boxes.Count > 0 ? "Lung Opacity" : visit.Case.Findings == Findings.None ? "Normal" : "No Lung Opacity / Not Normal";
}

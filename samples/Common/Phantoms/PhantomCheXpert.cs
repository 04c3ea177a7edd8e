namespace MedPeft.Samples.Phantoms;

/// <summary>
/// Writes a cohort of phantoms as Stanford publishes CheXpert-v1.0-small: JPEG files in folders of patients and studies, train.csv with doubts and
/// gaps, valid.csv without, test labels by study. Frontal views only: the phantom has no side.
/// </summary>
public static class PhantomCheXpert
{
    private const string Edition = "CheXpert-v1.0-small";
    private const string Facts = "Path,Sex,Age,Frontal/Lateral,AP/PA";

    // As sharp as the published files, which are of 8 bits and small.
    private const int Quality = 90;

    /// <summary>Draws and writes a cohort. Tables never share a patient.</summary>
    /// <param name="folder">Where to: what the edition's name stands for in the tables. Created when missing; files of the same names are replaced.</param>
    /// <param name="options">Who.</param>
    /// <param name="lists">
    /// The tables, each with its number of images, in the order in which patients are dealt out: <c>train.csv</c> and <c>valid.csv</c>; any other name
    /// is a table of the test set, a row a study.
    /// </param>
    /// <param name="progress">Images written so far.</param>
    /// <param name="cancellation">Stops between two images.</param>
    /// <returns>The images of each table.</returns>
    public static IReadOnlyDictionary<string, IReadOnlyList<PhantomVisit>> Write(
        string folder, CohortOptions options, IReadOnlyList<(string Name, int Images)> lists, IProgress<int>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        var parts = CohortFiles.Deal(options, lists);
        var paths = parts.SelectMany(part => part.Value.Select(visit => (Visit: visit, Path: ImagePath(part.Key, visit)))).ToDictionary(p => p.Visit, p => p.Path);
        CohortFiles.Draw(paths.Keys, Draw, progress, cancellation);
        foreach (var (name, part) in parts) CohortFiles.WriteLines(Path.Combine(folder, name), Table(name, part));
        return parts;

        void Draw(PhantomVisit visit)
        {
            var path = Path.Combine(folder, paths[visit]);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(path, CohortFiles.Jpeg(ThoraxPhantom.Draw(visit.Case, options.Size), options.Size, Quality));
        }
    }

    private static IEnumerable<string> Table(string name, IReadOnlyList<PhantomVisit> visits) => Split(name) switch
    {
        "test" => visits.Select(v => $"CheXpert-v1.0/{Study("test", v)},{Values((who, k) => CheXpertLabels.Has(who, k) ? "1" : "0", v)}")
            .Prepend($"Study,{string.Join(',', CheXpertLabels.Names)}"),
        "valid" => visits.Select(v => Row(name, v, (who, k) => CheXpertLabels.Has(who, k) ? "1.0" : "0.0")).Prepend(Header),
        _ => visits.Select(v => Row(name, v, CheXpertLabels.Mined)).Prepend(Header),
    };

    private static string Header => $"{Facts},{string.Join(',', CheXpertLabels.Names)}";

    private static string Row(string name, PhantomVisit visit, Func<PhantomCase, int, string> value)
    {
        var who = visit.Case;
        return $"{Edition}/{ImagePath(name, visit)},{(who.Female ? "Female" : "Male")},{Math.Min(who.Age, 90)},Frontal,{(who.Ap ? "AP" : "PA")},{Values(value, visit)}";
    }

    private static string Values(Func<PhantomCase, int, string> value, PhantomVisit visit)
        => string.Join(',', CheXpertLabels.Names.Select((_, k) => value(visit.Case, k)));

    private static string ImagePath(string list, PhantomVisit visit) => $"{Study(Split(list), visit)}/view1_frontal.jpg";

    private static string Study(string split, PhantomVisit visit) => $"{split}/patient{visit.Patient:D5}/study{visit.FollowUp + 1}";

    private static string Split(string list) => list switch
    {
        "train.csv" => "train",
        "valid.csv" => "valid",
        _ => "test",
    };
}

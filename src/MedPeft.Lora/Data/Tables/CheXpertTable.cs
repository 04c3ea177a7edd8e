namespace MedPeft.Lora.Data.Tables;

/// <summary>CheXpert's tables: a row an image (train, valid) or a row a study (test).</summary>
internal static class CheXpertTable
{
    private const string Source = "CheXpert";

    public static IReadOnlyList<ImageRecord> Read(string path, IReadOnlyList<string> labels, UncertaintyPolicy uncertainty, ImageFolders folders)
    {
        using var csv = CsvTable.Open(path);
        var study = csv.Find("Path") is null ? csv.Find("Study") : null;
        var key = study ?? csv.Require("Path");
        var (sex, age, side, view) = (csv.Find("Sex"), csv.Find("Age"), csv.Find("Frontal/Lateral"), csv.Find("AP/PA"));
        int[] columns = [.. labels.Select(l => csv.Require(l, l.Replace(' ', '_')))];
        float[] uncertain = [.. labels.Select(uncertainty.ValueFor)];
        var records = new List<ImageRecord>();
        var seen = new Dictionary<string, int>(StringComparer.Ordinal);
        while (csv.Read())
        {
            var relative = BelowRoot(csv[key].ToString());
            if (PathRules.Problem(relative) is { } problem) throw csv.Error(key, problem);
            relative = PathRules.Normalize(relative);
            if (!seen.TryAdd(relative, csv.Line)) throw csv.Error(key, $"{Quoted.Of(relative)} stands in line {seen[relative]} already. Keep one of the rows.");
            var values = new float[labels.Count];
            for (var k = 0; k < values.Length; k++) values[k] = Value(csv, columns[k], labels[k], uncertain[k]);
            var record = FromPath(relative) with { Labels = values, Age = Age(csv, age), Sex = SexOf(csv, sex) };
            if (study is null) records.Add(record with { View = View(csv, side, view) ?? record.View });
            else records.AddRange(Images(record, folders));
        }

        return records.Count > 0
            ? records
            : throw new DatasetException(path, "has a header and no rows; one row an image or study is expected. Fetch the table again.");
    }

    /// <summary>What the path of an image or study says: patient, study and, in the file's name, frontal or lateral.</summary>
    public static ImageRecord FromPath(string relative)
    {
        var names = relative.Split('/');
        var patient = Array.FindIndex(names, n => n.StartsWith("patient", StringComparison.Ordinal));
        var hasStudy = patient >= 0 && patient + 1 < names.Length && names[patient + 1].StartsWith("study", StringComparison.Ordinal);
        return new ImageRecord
        {
            Path = relative,
            Labels = [],
            Source = Source,
            Patient = patient < 0 ? null : names[patient],
            Study = hasStudy ? $"{names[patient]}/{names[patient + 1]}" : null,
            View = names[^1].Contains("lateral", StringComparison.Ordinal) ? ViewPosition.Lateral
                : names[^1].Contains("frontal", StringComparison.Ordinal) ? ViewPosition.Frontal : ViewPosition.Unknown,
        };
    }

    /// <summary>Cuts off what stands before train, valid or test: the edition's name, and the folders of whoever wrote the list.</summary>
    public static string BelowRoot(string path)
    {
        var text = path.Replace('\\', '/');
        foreach (var split in new[] { "train/patient", "valid/patient", "test/patient" })
        {
            var start = text.LastIndexOf(split, StringComparison.Ordinal);
            if (start == 0 || (start > 0 && text[start - 1] == '/')) return text[start..];
        }

        return path;
    }

    // The table of the test set names studies; a study that is not on disk stays as one record that the caller reports.
    private static IEnumerable<ImageRecord> Images(ImageRecord study, ImageFolders folders)
    {
        var files = folders.FilesIn(study.Path).Where(IsImage).ToArray();
        return files.Length == 0 ? [study] : files.Select(f => FromPath($"{study.Path}/{f}") with { Labels = study.Labels, Age = study.Age, Sex = study.Sex });
    }

    private static bool IsImage(string name)
        => name.EndsWith(".jpg", StringComparison.OrdinalIgnoreCase) || name.EndsWith(".png", StringComparison.OrdinalIgnoreCase);

    private static float Value(CsvTable csv, int column, string label, float uncertain) => csv[column].Trim() switch
    {
        "1.0" or "1" => 1,
        "0.0" or "0" or "" => 0,
        "-1.0" or "-1" => uncertain,
        var other => throw csv.Error(column, $"found {Quoted.Of(other)} for '{label}'; 1.0 (present), 0.0 (absent), -1.0 (uncertain) or nothing fits."),
    };

    private static ViewPosition? View(CsvTable csv, int? side, int? view)
    {
        var frontal = side is not { } s ? true : csv[s].Trim() switch
        {
            "Frontal" => true,
            "Lateral" => false,
            "" => (bool?)null,
            var other => throw csv.Error(s, $"found {Quoted.Of(other)}; Frontal or Lateral fits."),
        };
        if (frontal == false) return ViewPosition.Lateral;
        return view is not { } v ? null : csv[v].Trim() switch
        {
            "AP" => ViewPosition.AP,
            "PA" => ViewPosition.PA,
            "LL" or "RL" => ViewPosition.Other,
            "" => null,
            var other => throw csv.Error(v, $"found the view {Quoted.Of(other)}; AP, PA, LL, RL or nothing fits."),
        };
    }

    private static double? Age(CsvTable csv, int? column)
    {
        if (column is not { } c) return null;
        return Values.TryAge(csv[c], out var years) ? years : throw csv.Error(c, $"found the age {Quoted.Of(csv[c])}; a number of years fits.");
    }

    private static Sex SexOf(CsvTable csv, int? column)
    {
        if (column is not { } c) return Sex.Unknown;
        return Values.TrySex(csv[c], out var sex) ? sex : throw csv.Error(c, $"found the sex {Quoted.Of(csv[c])}; Male, Female or Unknown fits.");
    }
}

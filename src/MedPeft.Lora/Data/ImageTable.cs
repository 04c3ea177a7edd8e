using MedPeft.Lora.Data.Tables;

namespace MedPeft.Lora.Data;

/// <summary>Reads a table of your own: comma-separated values, UTF-8, a header line, a row an image.</summary>
public static class ImageTable
{
    /// <summary>Opens the images of a table.</summary>
    /// <param name="table">The table's path, plain or gzip.</param>
    /// <param name="columns">Which columns mean what. Labels hold 1 or true, 0 or false, or nothing (missing); -1 is uncertain.</param>
    /// <param name="root">The folder that the images' paths start from; the table's own if null.</param>
    /// <param name="uncertainty">What -1 is taken for; if null, -1 is an error.</param>
    /// <param name="missingImages">What to do about images that are not on disk.</param>
    /// <param name="source">
    /// Names the collection that the patients' names belong to. Give the tables of one hospital one source and those of another a different one.
    /// </param>
    /// <returns>The images in the table's order.</returns>
    /// <exception cref="DatasetException">The folder or the table cannot be used; the message says why, where, and what to do.</exception>
    public static ImageDataset Open(
        string table,
        ImageTableColumns columns,
        string? root = null,
        UncertaintyPolicy? uncertainty = null,
        MissingImages missingImages = MissingImages.Raise,
        string source = "")
    {
        ArgumentException.ThrowIfNullOrEmpty(table);
        ArgumentNullException.ThrowIfNull(columns);
        ArgumentNullException.ThrowIfNull(source);
        table = Path.GetFullPath(table);
        root = DatasetFiles.Root(root ?? Path.GetDirectoryName(table)!);
        using var csv = CsvTable.Open(table, columns.Separator);
        var reader = new Reader(csv, columns, uncertainty);
        var records = new List<ImageRecord>();
        var seen = new Dictionary<string, int>(StringComparer.Ordinal);
        while (csv.Read())
        {
            var record = reader.Record(source);
            if (!seen.TryAdd(record.Path, csv.Line))
                throw csv.Error(reader.Path, $"the image {Quoted.Of(record.Path)} stands in line {seen[record.Path]} already. Keep one of the rows.");
            records.Add(record);
        }

        if (records.Count == 0) throw new DatasetException(table, "has a header and no rows; one row an image is expected.");
        return DatasetFiles.Locate(Path.GetFileName(table), columns.Labels, records, new ImageFolders([root]), root, table, missingImages);
    }

    private sealed class Reader(CsvTable csv, ImageTableColumns columns, UncertaintyPolicy? uncertainty)
    {
        private readonly int[] _labels = [.. columns.Labels.Select(l => csv.Require(l))];
        private readonly int? _patient = Optional(csv, columns.Patient);
        private readonly int? _study = Optional(csv, columns.Study);
        private readonly int? _view = Optional(csv, columns.View);
        private readonly int? _age = Optional(csv, columns.Age);
        private readonly int? _sex = Optional(csv, columns.Sex);

        public int Path { get; } = csv.Require(columns.Path);

        public ImageRecord Record(string source)
        {
            var path = csv[Path].ToString();
            if (PathRules.Problem(path) is { } problem) throw csv.Error(Path, problem);
            var labels = new float[_labels.Length];
            for (var k = 0; k < labels.Length; k++) labels[k] = Value(_labels[k], columns.Labels[k]);
            return new ImageRecord
            {
                Path = PathRules.Normalize(path),
                Labels = labels,
                Source = source,
                Patient = Text(_patient),
                Study = Text(_study),
                View = View(),
                Age = Age(),
                Sex = SexOf(),
            };
        }

        private static int? Optional(CsvTable csv, string? name) => name is null ? null : csv.Require(name);

        private string? Text(int? column) => column is { } c && !csv[c].IsWhiteSpace() ? csv[c].Trim().ToString() : null;

        private float Value(int column, string label)
        {
            var text = csv[column].Trim();
            if (text.IsEmpty) return float.NaN;
            if (text is "1" or "1.0" || text.Equals("true", StringComparison.OrdinalIgnoreCase)) return 1;
            if (text is "0" or "0.0" || text.Equals("false", StringComparison.OrdinalIgnoreCase)) return 0;
            if (text is not ("-1" or "-1.0"))
                throw csv.Error(column, $"found {Quoted.Of(text)} for '{label}'; 1, 0, true, false, -1 (uncertain) or nothing (missing) fits.");
            return uncertainty?.ValueFor(label)
                ?? throw csv.Error(column, $"found -1 (uncertain) for '{label}', and no UncertaintyPolicy says what it is taken for. Give one.");
        }

        private ViewPosition View() => _view is not { } c ? ViewPosition.Unknown : csv[c].Trim().ToString().ToUpperInvariant() switch
        {
            "" or "UNKNOWN" => ViewPosition.Unknown,
            "PA" => ViewPosition.PA,
            "AP" => ViewPosition.AP,
            "FRONTAL" => ViewPosition.Frontal,
            "LATERAL" or "LAT" or "L" => ViewPosition.Lateral,
            _ => ViewPosition.Other,
        };

        private double? Age()
        {
            if (_age is not { } c) return null;
            return Values.TryAge(csv[c], out var years)
                ? years
                : throw csv.Error(c, $"found the age {Quoted.Of(csv[c])}; a number of years such as 57 or 057Y fits.");
        }

        private Sex SexOf()
        {
            if (_sex is not { } c) return Sex.Unknown;
            return Values.TrySex(csv[c], out var sex) ? sex : throw csv.Error(c, $"found the sex {Quoted.Of(csv[c])}; M, F, Male, Female or nothing fits.");
        }
    }
}

namespace MedPeft.Lora.Data.Tables;

/// <summary>Data_Entry_2017*.csv and BBox_List_2017.csv of NIH ChestX-ray14, in the header variants that are in use.</summary>
internal sealed class NihTable
{
    private const string NoFinding = "No Finding";
    private const string Size = "OriginalImage[";

    private readonly Dictionary<string, int> _byName = new(StringComparer.Ordinal);

    private NihTable(string file) => File = file;

    /// <summary>The file's path.</summary>
    public string File { get; }

    /// <summary>The rows in their order; <see cref="ImageRecord.Path"/> is the image's bare name.</summary>
    public List<ImageRecord> Rows { get; } = [];

    /// <summary>An image's row, or null.</summary>
    public ImageRecord? Find(string name) => _byName.TryGetValue(name, out var row) ? Rows[row] : null;

    /// <summary>The patient's number is the name up to the underscore: true of all 112,120 images.</summary>
    public static string? PatientOf(string name)
    {
        var slash = name.LastIndexOf('/') + 1;
        var end = name.IndexOf('_', slash);
        return end > slash ? name[slash..end] : null;
    }

    public static NihTable Read(string path, string? boxes)
    {
        using var csv = CsvTable.Open(path, header: Split);
        var (image, findings) = (csv.Require("Image Index"), csv.Require("Finding Labels"));
        var (patient, age, sex, view) = (csv.Find("Patient ID"), csv.Find("Patient Age"), csv.Find("Patient Gender", "Patient Sex"), csv.Find("View Position"));
        var drawn = boxes is null ? null : ReadBoxes(boxes);
        var table = new NihTable(path);
        var lines = new List<int>();
        var patients = new Dictionary<string, string>(StringComparer.Ordinal);
        while (csv.Read())
        {
            var name = csv[image].ToString();
            if (PathRules.Problem(name) is { } problem) throw csv.Error(image, problem);
            if (name.AsSpan().IndexOfAny('/', '\\') >= 0) throw csv.Error(image, $"found {Quoted.Of(name)}; the name of an image without a folder fits.");
            if (!table._byName.TryAdd(name, table.Rows.Count))
                throw csv.Error(image, $"the image {Quoted.Of(name)} stands in line {lines[table._byName[name]]} already. Keep one of the rows.");
            lines.Add(csv.Line);
            table.Rows.Add(new ImageRecord
            {
                Path = name,
                Labels = Findings(csv, findings),
                Source = ChestXray14.Source,
                Patient = Patient(csv, patient, name, patients),
                View = View(csv, view),
                Age = Age(csv, age),
                Sex = SexOf(csv, sex),
                Boxes = drawn is not null && drawn.TryGetValue(name, out var found) ? found : [],
            });
        }

        return table.Rows.Count > 0
            ? table
            : throw new DatasetException(path, "has a header and no rows; one row an image is expected. Fetch the table again.");
    }

    // The brackets hold a comma: "OriginalImage[Width,Height]" stands unquoted in the header and counts as two columns there, and as two in each row.
    private static IReadOnlyList<string> Split(IReadOnlyList<string> names)
        => [.. names.SelectMany(n => n.Contains('[', StringComparison.Ordinal) && n.EndsWith(']') ? n.Split(',') : [n])];

    private static float[] Findings(CsvTable csv, int column)
    {
        var labels = new float[ChestXray14.LabelNames.Count];
        var rest = csv[column].Trim();
        if (rest.Equals(NoFinding, StringComparison.Ordinal)) return labels;
        while (true)
        {
            var cut = rest.IndexOf('|');
            var name = cut < 0 ? rest : rest[..cut];
            var k = Label(name);
            if (k < 0)
                throw csv.Error(column, name.Equals(NoFinding, StringComparison.Ordinal)
                    ? "found 'No Finding' beside other findings; it stands alone. Correct the row."
                    : $"found the finding {Quoted.Of(name)}; these fit: {string.Join(", ", ChestXray14.LabelNames)}, No Finding. Correct the row.");
            if (labels[k] == 1) throw csv.Error(column, $"found the finding {Quoted.Of(name)} twice. Correct the row.");
            labels[k] = 1;
            if (cut < 0) return labels;
            rest = rest[(cut + 1)..];
        }
    }

    private static int Label(ReadOnlySpan<char> name)
    {
        for (var k = 0; k < ChestXray14.LabelNames.Count; k++)
            if (name.Equals(ChestXray14.LabelNames[k], StringComparison.Ordinal)) return k;
        return -1;
    }

    private static string? Patient(CsvTable csv, int? column, string name, Dictionary<string, string> known)
    {
        var prefix = PatientOf(name);
        var given = column is { } c ? csv[c].Trim() : [];
        if (prefix is null && given.IsEmpty) return null;
        if (prefix is null || given.IsEmpty) prefix ??= given.ToString();
        else if (!given.TrimStart('0').SequenceEqual(prefix.AsSpan().TrimStart('0')))
            throw csv.Error(
                column!.Value,
                $"found the patient {Quoted.Of(given)} for the image {Quoted.Of(name)}, whose name starts with another. Splits go by patient, so both "
                + "must agree: correct the table.");
        if (known.TryGetValue(prefix, out var same)) return same;
        known.Add(prefix, prefix);
        return prefix;
    }

    private static ViewPosition View(CsvTable csv, int? column) => column is not { } c ? ViewPosition.Unknown : csv[c].Trim() switch
    {
        "PA" => ViewPosition.PA,
        "AP" => ViewPosition.AP,
        "" => ViewPosition.Unknown,
        var other => throw csv.Error(c, $"found the view {Quoted.Of(other)}; PA, AP or nothing fits."),
    };

    private static double? Age(CsvTable csv, int? column)
    {
        if (column is not { } c) return null;
        return Values.TryAge(csv[c], out var years)
            ? years
            : throw csv.Error(c, $"found the age {Quoted.Of(csv[c])}; a number of years such as 57 or 057Y fits.");
    }

    private static Sex SexOf(CsvTable csv, int? column)
    {
        if (column is not { } c) return Sex.Unknown;
        return Values.TrySex(csv[c], out var sex) ? sex : throw csv.Error(c, $"found the sex {Quoted.Of(csv[c])}; M, F or nothing fits.");
    }

    // "Image Index,Finding Label,Bbox [x,y,w,h],,,": nine names above six fields, so the columns go by position.
    private static Dictionary<string, IReadOnlyList<FindingBox>> ReadBoxes(string path)
    {
        using var csv = new CsvReader(path);
        if (!csv.Read()) throw new DatasetException(path, "is empty; a header line belongs first. Fetch it again or remove it.");
        if (csv.Count < 6 || !csv[0].SequenceEqual("Image Index"))
            throw csv.Error(
                "the header is not that of BBox_List_2017.csv, which starts with 'Image Index,Finding Label,Bbox [x'. Fetch it again or remove it.");
        var boxes = new Dictionary<string, IReadOnlyList<FindingBox>>(StringComparer.Ordinal);
        Span<double> numbers = stackalloc double[4];
        while (csv.Read())
        {
            if (csv.Count < 6) throw csv.Error($"found {csv.Count} fields; 6 fit: image, finding, x, y, width, height.");
            // The one finding that this file spells in its own way.
            var k = csv[1].SequenceEqual("Infiltrate") ? Label("Infiltration") : Label(csv[1]);
            if (k < 0) throw csv.Error(1, $"found the finding {Quoted.Of(csv[1])}; these fit: {string.Join(", ", ChestXray14.LabelNames)}.");
            for (var i = 0; i < 4; i++)
                if (!Values.TryNumber(csv[2 + i], out numbers[i]) || numbers[i] < 0)
                    throw csv.Error(2 + i, $"found {Quoted.Of(csv[2 + i])}; a number of pixels fits.");
            var name = csv[0].ToString();
            var box = new FindingBox(ChestXray14.LabelNames[k], numbers[0], numbers[1], numbers[2], numbers[3]);
            boxes[name] = boxes.TryGetValue(name, out var others) ? [.. others, box] : [box];
        }

        return boxes;
    }
}

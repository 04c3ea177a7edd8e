namespace MedPeft.Lora.Data.Tables;

/// <summary>stage_2_train_labels.csv (a row a box, or one row without a box) and stage_2_detailed_class_info.csv (as many rows an image, all equal).</summary>
internal static class RsnaTables
{
    public static readonly string[] Classes = ["Normal", "No Lung Opacity / Not Normal", "Lung Opacity"];

    /// <summary>The images by their names without an extension, in the order of their first rows.</summary>
    public static Dictionary<string, ImageRecord> Read(string labels, string? classes)
    {
        var rows = Labels(labels);
        if (classes is null) return rows;
        var found = ClassOf(classes);
        foreach (var (image, row) in rows)
        {
            if (!found.TryGetValue(image, out var c))
                throw new DatasetException(classes, $"names no class for the image {Quoted.Of(image)}. Use the tables of one release.");
            var opacity = c.Class == 2 ? 1 : 0;
            if (row.Labels[0] != opacity)
                throw new DatasetException(
                    classes,
                    $"the image {Quoted.Of(image)} is of class '{Classes[c.Class]}' and has Target {row.Labels[0]} in the other table. Use the tables "
                    + "of one release.",
                    c.Line);
            rows[image] = row with { Labels = [row.Labels[0], c.Class == 0 ? 1 : 0, c.Class == 1 ? 1 : 0, opacity] };
        }

        return rows;
    }

    private static Dictionary<string, ImageRecord> Labels(string path)
    {
        using var csv = CsvTable.Open(path);
        var (image, target) = (csv.Require("patientId"), csv.Require("Target"));
        int[] box = [csv.Require("x"), csv.Require("y"), csv.Require("width"), csv.Require("height")];
        var rows = new Dictionary<string, ImageRecord>(StringComparer.Ordinal);
        var numbers = new double[4];
        while (csv.Read())
        {
            var name = Name(csv, image);
            var positive = csv[target] switch
            {
                "1" => true,
                "0" => false,
                var other => throw csv.Error(target, $"found {Quoted.Of(other)} for Target; 0 or 1 fits."),
            };
            var empty = box.All(b => csv[b].IsWhiteSpace());
            if (empty == positive)
                throw csv.Error(
                    target,
                    positive
                        ? "found Target 1 without a box; x, y, width and height belong to it."
                        : "found Target 0 with a box; its fields stay empty. Correct the row.");
            IReadOnlyList<FindingBox> boxes = [];
            if (positive)
            {
                for (var i = 0; i < 4; i++)
                    if (!Values.TryNumber(csv[box[i]], out numbers[i]) || numbers[i] < 0)
                        throw csv.Error(box[i], $"found {Quoted.Of(csv[box[i]])}; a number of pixels fits.");
                boxes = [new FindingBox("Pneumonia", numbers[0], numbers[1], numbers[2], numbers[3])];
            }

            if (!rows.TryGetValue(name, out var earlier)) rows.Add(name, new ImageRecord { Path = name, Labels = [positive ? 1 : 0], Boxes = boxes });
            else if (!positive || earlier.Labels[0] == 0)
                throw csv.Error(
                    image, $"the image {Quoted.Of(name)} has several rows that do not all hold a box. Keep one row without a box, or rows with one each.");
            else rows[name] = earlier with { Boxes = [.. earlier.Boxes, .. boxes] };
        }

        return rows.Count > 0
            ? rows
            : throw new DatasetException(path, "has a header and no rows; at least one row an image is expected. Fetch the table again.");
    }

    private static Dictionary<string, (int Class, int Line)> ClassOf(string path)
    {
        using var csv = CsvTable.Open(path);
        var (image, column) = (csv.Require("patientId"), csv.Require("class"));
        var found = new Dictionary<string, (int Class, int Line)>(StringComparer.Ordinal);
        while (csv.Read())
        {
            var name = Name(csv, image);
            var c = Array.IndexOf(Classes, csv[column].Trim().ToString());
            if (c < 0) throw csv.Error(column, $"found the class {Quoted.Of(csv[column])}; these fit: {string.Join(", ", Classes)}.");
            if (!found.TryAdd(name, (c, csv.Line)) && found[name].Class != c)
                throw csv.Error(
                    column,
                    $"found the class {Quoted.Of(csv[column])} for the image {Quoted.Of(name)}, which line {found[name].Line} gives another. Correct "
                    + "the table.");
        }

        return found;
    }

    private static string Name(CsvTable csv, int column)
    {
        var name = csv[column].ToString();
        if (PathRules.Problem(name) is { } problem) throw csv.Error(column, problem);
        return name.AsSpan().IndexOfAny('/', '\\') < 0
            ? name
            : throw csv.Error(column, $"found {Quoted.Of(name)}; the name of an image without a folder fits.");
    }
}

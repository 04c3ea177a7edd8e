using MedPeft.Lora.Data.Tables;

namespace MedPeft.Lora.Data;

/// <summary>Reads NIH ChestX-ray14 as the NIH ships it, and the split lists of MED-PEFT.</summary>
/// <remarks>
/// Wang et al. 2017, "ChestX-ray8", CVPR. 112,120 frontal images of 30,805 patients, 14 findings mined from reports.
/// MED-PEFT's lists lack positives that the table has in 181 rows; a list's own values are used, as the paper's numbers rest on them.
/// </remarks>
public static class ChestXray14
{
    /// <summary>The collection that names the patients; RSNA's mapping leads to it too.</summary>
    internal const string Source = "ChestX-ray14";

    private static readonly string[] Tables =
    [
        "Data_Entry_2017_v2020.csv", "Data_Entry_2017_v2020.csv.gz", "Data_Entry_2017.csv", "Data_Entry_2017.csv.gz",
    ];

    /// <summary>The 14 findings in MED-PEFT's order.</summary>
    public static IReadOnlyList<string> LabelNames { get; } =
    [
        "Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule", "Pneumonia", "Pneumothorax",
        "Consolidation", "Edema", "Emphysema", "Fibrosis", "Pleural_Thickening", "Hernia",
    ];

    /// <summary>Opens the images that a list names, or all that the table describes.</summary>
    /// <param name="root">
    /// The data set's folder, with <c>images_001/images</c> to <c>images_012/images</c>, <c>images</c>, <c>all_classes</c> or the images themselves,
    /// and <c>Data_Entry_2017*.csv</c>, plain or gzip. <c>BBox_List_2017.csv</c> is read if it is there.
    /// </param>
    /// <param name="list">
    /// A list of images: its name below the root or its path. Either official (<c>train_val_list.txt</c>, <c>test_list.txt</c>: a name a line, labels
    /// from the table) or MED-PEFT's (<c>train_1.txt</c>: a name and 14 values a line; the table, if it is there, adds view, age, sex and boxes).
    /// Null takes the whole table.
    /// </param>
    /// <param name="missingImages">What to do about images that are not on disk.</param>
    /// <param name="table">The table's path, where it does not lie in the root.</param>
    /// <returns>The images in the order of the list or table.</returns>
    /// <exception cref="DatasetException">The folder, the table or the list cannot be used; the message says why, where, and what to do.</exception>
    public static ImageDataset Open(string root, string? list = null, MissingImages missingImages = MissingImages.Raise, string? table = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(root);
        root = DatasetFiles.Root(root);
        var listPath = list is null ? null : DatasetFiles.List(root, list);
        var split = listPath is null ? null : SplitList.Read(listPath, LabelNames);
        var tablePath = table ?? FindTable(root);
        if (tablePath is null && split is not { HasLabels: true })
            throw new DatasetException(
                root,
                $"holds no table Data_Entry_2017*.csv, and {(split is null ? "no list was given" : "the list gives no labels")}. "
                + "Put the table there, name it, or give a list with labels.");
        var entries = tablePath is null ? null : NihTable.Read(tablePath, DatasetFiles.Optional(root, "BBox_List_2017.csv", "BBox_List_2017.csv.gz"));
        var records = split is null ? entries!.Rows : [.. split.Entries.Select(e => Record(split, e, entries))];
        var name = listPath is null ? Source : $"{Source} {Path.GetFileName(listPath)}";
        return DatasetFiles.Locate(name, LabelNames, records, new ImageFolders(Folders(root, listPath)), root, listPath ?? tablePath!, missingImages);
    }

    private static ImageRecord Record(SplitList split, SplitList.Entry entry, NihTable? table)
    {
        var row = table?.Find(entry.Image[(entry.Image.LastIndexOf('/') + 1)..]);
        if (row is null && entry.Values is null)
            throw new DatasetException(
                split.File,
                $"the image {Quoted.Of(entry.Image)} is not in the table {Quoted.Of(Path.GetFileName(table!.File))}, so it has no labels. Use the list "
                + "and the table of one release.",
                entry.Line);
        return row is null
            ? new ImageRecord { Path = entry.Image, Labels = entry.Values!, Source = Source, Patient = NihTable.PatientOf(entry.Image) }
            : row with { Path = entry.Image, Labels = entry.Values ?? row.Labels };
    }

    private static string? FindTable(string root)
    {
        var known = Tables.Select(t => Path.Join(root, t)).FirstOrDefault(File.Exists);
        if (known is not null) return known;
        var others = Directory.EnumerateFiles(root, "Data_Entry*.csv*").Order(StringComparer.Ordinal).ToArray();
        return others.Length < 2
            ? others.FirstOrDefault()
            : throw new DatasetException(
                root, $"holds several tables: {Quoted.Some(others.Select(o => Path.GetFileName(o)), others.Length)}. Name the one to use.");
    }

    private static IEnumerable<string> Folders(string root, string? list)
    {
        var archives = Directory.EnumerateDirectories(root, "images_*").Order(StringComparer.Ordinal).ToArray();
        foreach (var folder in archives)
        {
            yield return Path.Join(folder, "images");
            yield return folder;
        }

        yield return Path.Join(root, "images");
        yield return Path.Join(root, "all_classes");
        yield return root;
        // MED-PEFT's code drops every underscore of the list's path and what follows the last one:
        // /data/NIH_ChestX-ray/train_1.txt reads /data/NIHChestX-ray/train/all_classes.
        if (list is null || !list.Contains("NIH", StringComparison.Ordinal)) yield break;
        var parts = list.Split('_');
        yield return Path.Join(string.Concat(parts[..^1]), "all_classes");
    }
}

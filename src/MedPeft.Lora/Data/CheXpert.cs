using MedPeft.Lora.Data.Tables;

namespace MedPeft.Lora.Data;

/// <summary>Reads CheXpert-v1.0 and CheXpert-v1.0-small as Stanford ships them, the test labels by study, and the split lists of MED-PEFT.</summary>
/// <remarks>
/// Irvin et al. 2019, arXiv:1901.07031. Blank labels are absent (0), as the paper and MED-PEFT take them; <see cref="UncertaintyPolicy"/> decides
/// on -1.
/// </remarks>
public static class CheXpert
{
    private static readonly string[] Editions = ["CheXpert-v1.0-small", "CheXpert-v1.0"];

    /// <summary>The 14 labels in the table's order.</summary>
    public static IReadOnlyList<string> LabelNames { get; } =
    [
        "No Finding", "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema", "Consolidation",
        "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other", "Fracture", "Support Devices",
    ];

    /// <summary>The five labels of the competition, in MED-PEFT's order.</summary>
    public static IReadOnlyList<string> CompetitionLabels { get; } = ["Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion"];

    /// <summary>Opens the images of a table or list.</summary>
    /// <param name="root">The folder with <c>train</c>, <c>valid</c> and <c>test</c>, or the one above it.</param>
    /// <param name="list">
    /// A table (<c>train.csv</c>, <c>valid.csv</c>: a row an image; test labels: a row a study, whose images are those on disk) or one of MED-PEFT's
    /// lists (a path and five values a line): its name below the root or its path.
    /// </param>
    /// <param name="uncertainty">What -1 is taken for; <see cref="UncertaintyPolicy.Ignore"/> if null. A list has no -1 left.</param>
    /// <param name="labels">The labels to read, in this order; if null, all 14 of a table and the competition's five of a list.</param>
    /// <param name="missingImages">What to do about images that are not on disk.</param>
    /// <returns>The images in the order of the table or list.</returns>
    /// <exception cref="DatasetException">The folder, the table or the list cannot be used; the message says why, where, and what to do.</exception>
    public static ImageDataset Open(
        string root,
        string list = "train.csv",
        UncertaintyPolicy? uncertainty = null,
        IReadOnlyList<string>? labels = null,
        MissingImages missingImages = MissingImages.Raise)
    {
        ArgumentException.ThrowIfNullOrEmpty(root);
        ArgumentException.ThrowIfNullOrEmpty(list);
        root = DatasetFiles.Root(root);
        var file = DatasetFiles.List(root, list, Editions);
        var folders = new ImageFolders([root, .. Editions.Select(e => Path.Join(root, e))]);
        labels ??= DatasetFiles.IsTable(file) ? LabelNames : CompetitionLabels;
        var records = DatasetFiles.IsTable(file)
            ? CheXpertTable.Read(file, labels, uncertainty ?? UncertaintyPolicy.Ignore, folders)
            : [.. SplitList.Read(file, labels, CheXpertTable.BelowRoot).Entries.Select(Listed)];
        return DatasetFiles.Locate($"CheXpert {Path.GetFileName(file)}", labels, records, folders, root, file, missingImages);

        ImageRecord Listed(SplitList.Entry entry) => CheXpertTable.FromPath(entry.Image) with
        {
            Labels = entry.Values ?? throw new DatasetException(file, $"found a path without values; {labels.Count} fit, one for each label.", entry.Line),
        };
    }
}

using MedPeft.Lora.Data.Loading;
using MedPeft.Lora.Data.Tables;
using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Data;

/// <summary>Reads the RSNA Pneumonia Detection Challenge as Kaggle ships it (stage 2), and the split lists of MED-PEFT.</summary>
/// <remarks>
/// Shih et al. 2019, "Augmenting the National Institutes of Health Chest Radiograph Dataset", Radiology: AI 1(1). The tables' <c>patientId</c> names an
/// image. Patients are known only through RSNA's own mapping to ChestX-ray14, <c>pneumonia-challenge-dataset-mappings_2018.json</c>: put it into the root.
/// Without it, sets cannot be kept apart by patient; MED-PEFT's training and validation lists share hundreds of patients.
/// </remarks>
public static class Rsna
{
    internal const string Mapping = "pneumonia-challenge-dataset-mappings_2018.json";

    private static readonly string[] Extensions = [".dcm", ".png", ".jpg"];

    /// <summary>The label of the challenge and of MED-PEFT.</summary>
    public static IReadOnlyList<string> LabelNames { get; } = ["Pneumonia"];

    /// <summary>With the three classes of <c>stage_2_detailed_class_info.csv</c>; "Lung Opacity" and "Pneumonia" are the same images.</summary>
    public static IReadOnlyList<string> ClassNames { get; } = ["Pneumonia", .. RsnaTables.Classes];

    /// <summary>Opens the images that a list names, or all of <c>stage_2_train_labels.csv</c>.</summary>
    /// <param name="root">The folder with the tables and <c>stage_2_train_images</c> (DICOM, or PNG or JPEG of the same names).</param>
    /// <param name="list">
    /// One of MED-PEFT's lists (a path and one value a line): its name below the root or its path. The tables, if they are there, add boxes and
    /// classes.
    /// </param>
    /// <param name="missingImages">What to do about images that are not on disk.</param>
    /// <param name="classes">Whether to read the three classes as labels too.</param>
    /// <param name="headers">Whether to read view, age and sex from the DICOM files, which takes as long as reading all files.</param>
    /// <param name="dicom">
    /// How DICOM files become 8 bits; <see cref="DicomOptions.Default"/> if null. <see cref="DicomOptions.MedPeftRsna"/> gives MED-PEFT's own pixels.
    /// </param>
    /// <returns>The images in the order of the list, or of their first row in the table.</returns>
    /// <exception cref="DatasetException">The folder, a table or the list cannot be used; the message says why, where, and what to do.</exception>
    /// <exception cref="ImageException">A DICOM header cannot be read.</exception>
    public static ImageDataset Open(
        string root,
        string? list = null,
        MissingImages missingImages = MissingImages.Raise,
        bool classes = false,
        bool headers = false,
        DicomOptions? dicom = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(root);
        dicom?.Validate();
        root = DatasetFiles.Root(root);
        var labelTable = DatasetFiles.Optional(root, "stage_2_train_labels.csv", "stage_2_train_labels.csv.gz");
        var classTable = DatasetFiles.Optional(root, "stage_2_detailed_class_info.csv", "stage_2_detailed_class_info.csv.gz");
        var listPath = list is null ? null : DatasetFiles.List(root, list);
        if (labelTable is null && listPath is null)
            throw new DatasetException(
                root, "holds no table stage_2_train_labels.csv, and no list was given. Unpack the challenge's files there, or give a list with labels.");
        if (classes && (labelTable is null || classTable is null))
            throw new DatasetException(
                root,
                "holds no table stage_2_detailed_class_info.csv with stage_2_train_labels.csv, which the classes need. Put them there, or leave out the "
                + "classes.");
        var table = labelTable is null ? null : RsnaTables.Read(labelTable, classes ? classTable : null);
        var patients = DatasetFiles.Optional(root, Mapping) is { } mapping ? RsnaMapping.Read(mapping) : null;
        var folders = new ImageFolders([Path.Join(root, "stage_2_train_images"), Path.Join(root, "images"), root]);
        var split = listPath is null ? null : SplitList.Read(listPath, LabelNames);
        IEnumerable<ImageRecord> records = split is null ? table!.Values : split.Entries.Select(e => Listed(split.File, e, table, classes));
        var name = listPath is null ? "RSNA" : $"RSNA {Path.GetFileName(listPath)}";
        var data = DatasetFiles.Locate(
            name,
            classes ? ClassNames : LabelNames,
            [.. records.Select(r => Complete(r, folders, patients) with { Dicom = dicom })],
            folders,
            root,
            listPath ?? labelTable!,
            missingImages);
        return headers ? WithHeaders(data) : data;
    }

    private static ImageRecord Listed(string file, SplitList.Entry entry, Dictionary<string, ImageRecord>? table, bool classes)
    {
        var row = table?.GetValueOrDefault(Path.GetFileNameWithoutExtension(entry.Image));
        if (row is null && (classes || entry.Values is null))
            throw new DatasetException(
                file,
                $"the image {Quoted.Of(entry.Image)} is not in stage_2_train_labels.csv, so its labels are unknown. Use the list and the tables of one "
                + "release.",
                entry.Line);
        if (row is null) return new ImageRecord { Path = entry.Image, Labels = entry.Values! };
        float[] labels = [.. row.Labels];
        if (entry.Values is not null) labels[0] = entry.Values[0];
        return row with { Path = entry.Image, Labels = labels };
    }

    private static ImageRecord Complete(ImageRecord record, ImageFolders folders, Dictionary<string, string>? patients)
    {
        var path = record.Path;
        if (Path.GetExtension(path).Length == 0) path += Extensions.FirstOrDefault(e => folders.Find(path + e) is not null) ?? Extensions[0];
        var nih = patients?.GetValueOrDefault(Path.GetFileNameWithoutExtension(path));
        return record with { Path = path, Patient = nih is null ? null : NihTable.PatientOf(nih), Source = nih is null ? "RSNA" : ChestXray14.Source };
    }

    private static ImageDataset WithHeaders(ImageDataset data)
    {
        var records = new ImageRecord[data.Count];
        ManyAtOnce.Run(records.Length, 0, i => records[i] = WithHeader(data[i]), default);
        return new ImageDataset(data.Name, data.Labels, records, data.Missing);
    }

    private static ImageRecord WithHeader(ImageRecord record)
    {
        if (!record.Path.EndsWith(".dcm", StringComparison.OrdinalIgnoreCase)) return record;
        var file = DicomFile.Open(record.Path);
        return record with
        {
            View = file.ViewPosition switch
            {
                null or "" => ViewPosition.Unknown,
                "PA" => ViewPosition.PA,
                "AP" => ViewPosition.AP,
                "LL" or "RL" or "LATERAL" => ViewPosition.Lateral,
                _ => ViewPosition.Other,
            },
            Sex = file.PatientSex switch { "M" => Sex.Male, "F" => Sex.Female, _ => Sex.Unknown },
            Age = file.PatientAge is >= 0 and <= Values.Oldest ? file.PatientAge : null,
        };
    }
}

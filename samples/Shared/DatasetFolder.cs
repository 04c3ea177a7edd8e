using MedPeft.Lora.Data;
using MedPeft.Lora.Imaging;

namespace MedPeft.Samples;

/// <summary>A folder that holds one of the three data sets, recognised by the files that only it has.</summary>
internal sealed class DatasetFolder
{
    private DatasetFolder(string root, DatasetKind kind) => (Root, Kind) = (root, kind);

    public string Root { get; }

    public DatasetKind Kind { get; }

    /// <summary>The list to learn from where none is given; null takes the whole table.</summary>
    public string? TrainList => Kind switch
    {
        DatasetKind.CheXpert => "train.csv",
        DatasetKind.Nih when File.Exists(Path.Join(Root, "train_val_list.txt")) => "train_val_list.txt",
        _ => null,
    };

    /// <summary>Finds out which data set a folder holds.</summary>
    /// <param name="root">The folder.</param>
    /// <param name="given">What the user says it is; null to look.</param>
    /// <exception cref="DatasetException">The folder is not there, or holds none of the three.</exception>
    public static DatasetFolder Find(string root, DatasetKind? given)
    {
        if (!Directory.Exists(root)) throw new DatasetException(root, "does not exist. Give the data set's folder; check the spelling and that the disk is mounted.");
        return new DatasetFolder(root, given ?? Recognise(root) ?? throw new DatasetException(
            root,
            "holds none of Data_Entry_2017*.csv (NIH ChestX-ray14), train.csv or valid.csv (CheXpert), stage_2_train_labels.csv (RSNA). Check the folder, or "
            + "say with --dataset which data set it is."));
    }

    /// <summary>Opens the images of a list, or of the whole table.</summary>
    public ImageDataset Open(string? list, DatasetChoices choices) => Kind switch
    {
        DatasetKind.CheXpert => CheXpert.Open(
            Root, list ?? "train.csv", choices.Policy, choices.Labels == LabelChoice.All ? null : CheXpert.CompetitionLabels, choices.Missing),
        DatasetKind.Rsna => Rsna.Open(
            Root, list, choices.Missing, choices.Labels == LabelChoice.All, choices.Headers, new DicomOptions { Windowing = choices.Windowing }),
        _ => ChestXray14.Open(Root, list, choices.Missing),
    };

    private static DatasetKind? Recognise(string root)
    {
        if (Has("stage_2_train_labels.csv*") || Directory.Exists(Path.Join(root, "stage_2_train_images"))) return DatasetKind.Rsna;
        if (Has("Data_Entry_2017*") || Directory.Exists(Path.Join(root, "images_001")) || Directory.Exists(Path.Join(root, "all_classes"))) return DatasetKind.Nih;
        if (Has("train.csv*") || Has("valid.csv*") || Directory.EnumerateDirectories(root, "CheXpert-v1.0*").Any()) return DatasetKind.CheXpert;
        return null;

        bool Has(string pattern) => Directory.EnumerateFiles(root, pattern).Any();
    }
}

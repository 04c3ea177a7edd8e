using MedPeft.Lora.Data;
using MedPeft.Lora.Imaging;
using MedPeft.Lora.Training;

namespace MedPeft.Lora.Studies;

/// <summary>A data set of a study: which images train, pick the best epoch, and are scored once at the end.</summary>
public sealed record StudyDataset
{
    /// <summary>What tables call it.</summary>
    public required string Name { get; init; }

    /// <summary>In whose layout it lies on disk.</summary>
    public required StudyDatasetKind Kind { get; init; }

    /// <summary>Its folder; a relative path counts from the study's file.</summary>
    public required string Root { get; init; }

    /// <summary>The shares of its labels that the study trains on.</summary>
    public required IReadOnlyList<StudyTrainingSet> Train { get; init; }

    /// <summary>The list or table of the images that pick the best epoch.</summary>
    public required string Validation { get; init; }

    /// <summary>The list or table of the images that are scored once.</summary>
    public required string Test { get; init; }

    /// <summary>How many images <see cref="Validation"/> must have; null is any number.</summary>
    public int? ValidationImages { get; init; }

    /// <summary>How many images <see cref="Test"/> must have; null is any number.</summary>
    public int? TestImages { get; init; }

    /// <summary>What CheXpert's uncertain labels are taken for.</summary>
    /// <value>Default <see cref="UncertaintyPolicy.MedPeft"/>, the paper's.</value>
    public UncertaintyPolicy Uncertain { get; init; } = UncertaintyPolicy.MedPeft;

    /// <summary>How RSNA's DICOM files become pixels; null leaves it to the recipe.</summary>
    public DicomWindowing? Windowing { get; init; }

    /// <summary>Whether all labels of CheXpert (14) and the classes of RSNA are trained, instead of those of the paper.</summary>
    /// <value>Default false: 14 of NIH, 5 of CheXpert, 1 of RSNA.</value>
    public bool AllLabels { get; init; }

    /// <summary>What the study's file may call <see cref="Uncertain"/>.</summary>
    internal static IReadOnlyList<(string Name, UncertaintyPolicy Policy)> Policies { get; } =
    [
        ("medpeft", UncertaintyPolicy.MedPeft), ("ignore", UncertaintyPolicy.Ignore), ("zeros", UncertaintyPolicy.Zeros), ("ones", UncertaintyPolicy.Ones), ("deepauc", UncertaintyPolicy.DeepAuc),
    ];

    /// <summary>The name of <see cref="Uncertain"/> in the study's file, or its choices.</summary>
    internal string UncertainName => Policies.FirstOrDefault(entry => entry.Policy == Uncertain).Name ?? Uncertain.ToString();

    /// <summary>The paper's name of the data set, for recipes and published figures.</summary>
    internal BenchmarkDataset Benchmark => Kind switch
    {
        StudyDatasetKind.CheXpert => BenchmarkDataset.CheXpert,
        StudyDatasetKind.Rsna => BenchmarkDataset.Rsna,
        _ => BenchmarkDataset.Nih,
    };

    /// <summary>The labels in their order.</summary>
    internal IReadOnlyList<string> Labels => Kind switch
    {
        StudyDatasetKind.CheXpert => AllLabels ? CheXpert.LabelNames : CheXpert.CompetitionLabels,
        StudyDatasetKind.Rsna => AllLabels ? Rsna.ClassNames : Rsna.LabelNames,
        _ => ChestXray14.LabelNames,
    };

    /// <summary>Opens a list or table.</summary>
    /// <param name="root">Where the data set lies.</param>
    /// <param name="list">The list or table; null is the whole table.</param>
    /// <param name="dicom">How DICOM files become pixels.</param>
    /// <param name="headers">Whether to read view, age and sex from DICOM files.</param>
    /// <exception cref="DatasetException">It cannot be used.</exception>
    internal ImageDataset Open(string root, string? list, DicomOptions dicom, bool headers = true) => Kind switch
    {
        StudyDatasetKind.CheXpert => CheXpert.Open(root, list ?? "train.csv", Uncertain, Labels),
        // The headers give view, age and sex, which only the files have.
        StudyDatasetKind.Rsna => Rsna.Open(root, list, MissingImages.Raise, AllLabels, headers, dicom),
        _ => ChestXray14.Open(root, list),
    };
}

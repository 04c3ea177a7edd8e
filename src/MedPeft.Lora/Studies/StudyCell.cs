using System.Security.Cryptography;
using System.Text;
using MedPeft.Lora.Training;
using MedPeft.Lora.Vision;

namespace MedPeft.Lora.Studies;

/// <summary>One run of a study: a backbone on a share of a data set, by a method, with a seed.</summary>
public sealed record StudyCell
{
    private StudyCell(int index, StudyBackbone backbone, StudyDataset dataset, StudyTrainingSet train, StudyMethod method, ulong seed) =>
        (Index, Backbone, Dataset, Train, Method, Seed) = (index, backbone, dataset, train, method, seed);

    /// <summary>Its position in the study, from 0: the index of a job array.</summary>
    public int Index { get; }

    /// <summary>Twelve hexadecimal digits that follow from all settings that decide its result; another setting, another id, and no old result is taken for it.</summary>
    public string Id { get; private init; } = "";

    /// <summary>The foundation model.</summary>
    public StudyBackbone Backbone { get; }

    /// <summary>The data set.</summary>
    public StudyDataset Dataset { get; }

    /// <summary>The share of its labels.</summary>
    public StudyTrainingSet Train { get; }

    /// <summary>The method.</summary>
    public StudyMethod Method { get; }

    /// <summary>The seed.</summary>
    public ulong Seed { get; }

    /// <summary>How it trains: the recipe with what study and method change.</summary>
    public TrainingOptions Training { get; private init; } = new();

    /// <summary>Its method's configuration, with the seed of the cell.</summary>
    public AdapterConfig Adapter { get; private init; } = new LoraConfig();

    /// <summary>The shape of its model, outputs and stochastic depth included.</summary>
    public ViTConfig Vit { get; private init; } = ViTConfig.Base16;

    /// <summary>Where it departs from a published run, in words; empty where it follows one.</summary>
    public IReadOnlyList<string> Deviations { get; private init; } = [];

    /// <summary>How its DICOM files become pixels.</summary>
    internal Imaging.DicomOptions Dicom { get; private init; } = Imaging.DicomOptions.Default;

    /// <summary>All settings that decide the result, as canonical JSON.</summary>
    internal string Settings { get; private init; } = "";

    /// <summary>Its task, which methods and seeds share: <c>MRM, NIH 1 %</c>.</summary>
    public string Task => FormattableString.Invariant($"{Backbone.Name}, {Dataset.Name} {Train.Fraction * 100:0.###} %");

    /// <summary>Its folder's name: readable, and unlike that of a cell with other settings.</summary>
    internal string FolderName
    {
        get
        {
            var words = FormattableString.Invariant($"{Backbone.Name}-{Dataset.Name}-{Train.Fraction * 100:0.###}-{Method.Name}-s{Seed}");
            return FormattableString.Invariant($"{Index:D3}-{string.Concat(words.ToLowerInvariant().Select(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' ? c : '_'))}-{Id}");
        }
    }

    /// <summary>E.g. <c>cell 3: MRM, NIH 1 %, FFT, seed 0</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"cell {Index}: {Task}, {Method.Name}, seed {Seed}");

    internal static StudyCell Of(Study study, int index, StudyBackbone backbone, StudyDataset dataset, StudyTrainingSet train, StudyMethod method, ulong seed)
    {
        var settings = CellSettings.Of(study, backbone, dataset, train, method, seed);
        var text = settings.Canonical(backbone, dataset, train, method, seed);
        return new StudyCell(index, backbone, dataset, train, method, seed)
        {
            Id = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..12].ToLowerInvariant(),
            Training = settings.Training,
            Adapter = settings.Adapter,
            Vit = settings.Vit,
            Deviations = settings.Deviations,
            Dicom = settings.Dicom,
            Settings = text,
        };
    }
}

using MedPeft.Lora.Training;

namespace MedPeft.Lora.Studies;

/// <summary>A macro AUROC that a paper reports, to stand beside one's own.</summary>
/// <param name="Backbone">The foundation model; null where the source does not say which of the two.</param>
/// <param name="Dataset">The data set.</param>
/// <param name="Fraction">The share of the labels.</param>
/// <param name="Method">How it was adapted.</param>
/// <param name="Auroc">In percent, as printed.</param>
/// <param name="Source">Where it stands.</param>
public sealed record PublishedFigure(FoundationBackbone? Backbone, BenchmarkDataset Dataset, double Fraction, FineTuningMethod Method, double Auroc, string Source)
{
    private const string Less = "Lian et al. 2024, arXiv:2401.12215, abstract";
    private const string Maco = "Nature Communications 2024, s41467-024-51749-0, Table 1 (MRM as its authors' later paper reports it)";

    /// <summary>All that could be cited. The table of the 18 tasks itself was in no source at hand; what is not here is not known here, not zero.</summary>
    public static IReadOnlyList<PublishedFigure> All { get; } =
    [
        new(null, BenchmarkDataset.Nih, .01, FineTuningMethod.Lora, 80.6, Less),
        .. Mrm(BenchmarkDataset.Nih, 79.4, 84.0, 85.9),
        .. Mrm(BenchmarkDataset.CheXpert, 88.5, 88.5, 88.7),
        .. Mrm(BenchmarkDataset.Rsna, 91.3, 92.7, 93.3),
    ];

    /// <summary>What the paper's abstract says of all tasks together.</summary>
    public static string Summary => "LoRA better than full fine-tuning on 13 of 18 tasks, by up to 2.9 points (Lian et al. 2024, arXiv:2401.12215, abstract)";

    /// <summary>The figure of a task and method; null where none could be cited.</summary>
    /// <param name="backbone">The foundation model; null for one that the paper does not know.</param>
    /// <param name="dataset">The data set.</param>
    /// <param name="fraction">The share of the labels.</param>
    /// <param name="method">How it was adapted.</param>
    public static PublishedFigure? Find(FoundationBackbone? backbone, BenchmarkDataset dataset, double fraction, FineTuningMethod method) => backbone is null ? null
        : All.FirstOrDefault(figure => (figure.Backbone ?? backbone) == backbone && (figure.Dataset, figure.Fraction, figure.Method) == (dataset, fraction, method));

    private static IEnumerable<PublishedFigure> Mrm(BenchmarkDataset dataset, params double[] figures) =>
        figures.Zip([.01, .1, 1.0], (figure, fraction) => new PublishedFigure(FoundationBackbone.Mrm, dataset, fraction, FineTuningMethod.Full, figure, Maco));
}

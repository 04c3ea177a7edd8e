namespace MedPeft.Lora.Metrics;

/// <summary>Everything about one label. What its cases cannot give, for want of a class, is null.</summary>
public sealed record LabelEvaluation
{
    internal LabelEvaluation()
    {
    }

    /// <summary>The label's name.</summary>
    public required string Label { get; init; }

    /// <summary>Cases with label 1.</summary>
    public required int Positives { get; init; }

    /// <summary>Cases with label 0.</summary>
    public required int Negatives { get; init; }

    /// <summary>Cases without label, which enter nothing.</summary>
    public required int Missing { get; init; }

    /// <summary>The area under the ROC curve.</summary>
    public required double? Auroc { get; init; }

    /// <summary>The area with DeLong's variance; null where a class has fewer than two cases.</summary>
    public required AurocEstimate? Estimate { get; init; }

    /// <summary>DeLong's interval at the options' level, cut to 0 … 1.</summary>
    public required ConfidenceInterval? Interval { get; init; }

    /// <summary>The area up to the options' false positive rate, McClish's scale.</summary>
    public required double? PartialAuroc { get; init; }

    /// <summary>Average precision.</summary>
    public required double? AveragePrecision { get; init; }

    /// <summary>The best sensitivity at each specificity of the options, chosen on these very cases.</summary>
    public required IReadOnlyList<OperatingPoint?> AtSpecificities { get; init; }

    /// <summary>The greatest F1, its threshold chosen on these very cases: on a test set it flatters.</summary>
    public required OperatingPoint? MaximumF1 { get; init; }

    /// <summary>The greatest Youden index, its threshold chosen on these very cases: on a test set it flatters.</summary>
    public required OperatingPoint? MaximumYouden { get; init; }

    /// <summary>The counts at the options' F1 threshold, chosen elsewhere; null without one.</summary>
    public required OperatingPoint? AtF1Threshold { get; init; }

    /// <summary>The counts at the options' Youden threshold, chosen elsewhere; null without one.</summary>
    public required OperatingPoint? AtYoudenThreshold { get; init; }

    /// <summary>The mean squared difference of probability and label.</summary>
    public required double? Brier { get; init; }

    /// <summary>The mean negative log likelihood.</summary>
    public required double? NegativeLogLikelihood { get; init; }

    /// <summary>The expected calibration error over the options' bins.</summary>
    public required double? CalibrationError { get; init; }

    /// <summary>The bins of the reliability diagram.</summary>
    public required IReadOnlyList<ReliabilityBin> Reliability { get; init; }

    /// <summary>The ROC curve; null without it in the options.</summary>
    public required IReadOnlyList<RocPoint>? Roc { get; init; }

    /// <summary>The precision-recall curve; null without it in the options.</summary>
    public required IReadOnlyList<PrecisionRecallPoint>? PrecisionRecall { get; init; }
}

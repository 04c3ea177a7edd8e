using MedPeft.Lora.Metrics;

namespace MedPeft.Lora.Studies;

/// <summary>What a method came to on a task; numbers are null while cells are missing.</summary>
public sealed record MethodReport
{
    /// <summary>The method.</summary>
    public required string Method { get; init; }

    /// <summary>The results of the seeds that are done.</summary>
    public required IReadOnlyList<CellResult> Results { get; init; }

    /// <summary>Macro AUROC on test, the mean of the seeds.</summary>
    public double? Auroc { get; init; }

    /// <summary>Standard deviation over the seeds; null with fewer than two.</summary>
    public double? SeedDeviation { get; init; }

    /// <summary>95 % interval of <see cref="Auroc"/> by resampling patients.</summary>
    public ConfidenceInterval? Interval { get; init; }

    /// <summary><see cref="Auroc"/> less that of the reference method; null for the reference itself.</summary>
    public double? Difference { get; init; }

    /// <summary>95 % interval of <see cref="Difference"/> by resampling patients.</summary>
    public ConfidenceInterval? DifferenceInterval { get; init; }

    /// <summary>p of <see cref="Difference"/> by the paired test of DeLong over all labels.</summary>
    public double? P { get; init; }

    /// <summary><see cref="P"/> by Holm's step-down over the tasks of the study.</summary>
    public double? AdjustedP { get; init; }

    /// <summary>The figure published for it; null where none could be cited.</summary>
    public PublishedFigure? Published { get; init; }

    /// <summary>Parameters that it trained, of <see cref="CellResult.TotalParameters"/>; null while no cell is done.</summary>
    public long? TrainedParameters => Results.Count == 0 ? null : Results[0].TrainedParameters;
}

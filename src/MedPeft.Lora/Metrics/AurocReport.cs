using System.Globalization;

namespace MedPeft.Lora.Metrics;

/// <summary>The area under the ROC curve of each label, and their mean over the labels that have one.</summary>
public sealed record AurocReport
{
    /// <summary>Collects the labels' areas.</summary>
    /// <param name="perLabel">One entry per label, in the order of the labels.</param>
    public AurocReport(IEnumerable<LabelAuroc> perLabel)
    {
        ArgumentNullException.ThrowIfNull(perLabel);
        PerLabel = [.. perLabel];
        Labels = [.. PerLabel.Select(l => l.Label)];
        Scored = PerLabel.Count(l => l.Value is not null);
        Macro = Scored == 0 ? double.NaN : PerLabel.Sum(l => l.Value ?? 0) / Scored;
    }

    /// <summary>The names of the labels.</summary>
    public IReadOnlyList<string> Labels { get; }

    /// <summary>One entry per label, in the order of <see cref="Labels"/>.</summary>
    public IReadOnlyList<LabelAuroc> PerLabel { get; }

    /// <summary>The mean over the labels that have a value; NaN where none has.</summary>
    public double Macro { get; }

    /// <summary>How many labels entered the mean.</summary>
    public int Scored { get; }

    /// <summary>The labels left out of the mean, because their cases are all of one class.</summary>
    public IReadOnlyList<string> LeftOut => [.. PerLabel.Where(l => l.Value is null).Select(l => l.Label)];

    /// <summary>Demands that every label has a value, for a study that must not average over fewer labels than it names.</summary>
    /// <returns>This report.</returns>
    /// <exception cref="InvalidOperationException">A label was left out of the mean.</exception>
    public AurocReport RequireAll() => Scored == PerLabel.Count
        ? this
        : throw new InvalidOperationException(
            $"{PerLabel.Count - Scored} of {PerLabel.Count} labels have cases of one class only and no AUROC: {DescribeLeftOut()}. "
            + "Evaluate on more cases, or leave these labels out by name.");

    /// <summary>Two reports are equal when their labels' entries are.</summary>
    public bool Equals(AurocReport? other) => other is not null && PerLabel.SequenceEqual(other.PerLabel);

    /// <summary>A hash of the labels' entries.</summary>
    public override int GetHashCode() => PerLabel.Aggregate(0, HashCode.Combine);

    /// <summary>The mean and how many labels it is over; labels left out are named.</summary>
    public override string ToString()
    {
        var macro = Scored == 0 ? "no macro AUROC:" : string.Create(CultureInfo.InvariantCulture, $"macro AUROC {Macro:F4} over");
        var over = $"{macro} {Scored} of {PerLabel.Count} labels";
        return Scored == PerLabel.Count ? over : $"{over}; left out, cases of one class only: {DescribeLeftOut()}";
    }

    private string DescribeLeftOut() => string.Join(", ", PerLabel
        .Where(l => l.Value is null).Select(l => $"{l.Label} ({l.Positives} positive, {l.Negatives} negative)"));
}

using System.Globalization;

namespace MedPeft.Lora.Metrics;

/// <summary>An area under the ROC curve with its variance.</summary>
/// <param name="Value">The area, 0 to 1.</param>
/// <param name="Variance">DeLong's estimate of the variance of <paramref name="Value"/>.</param>
/// <param name="Positives">Cases with label 1.</param>
/// <param name="Negatives">Cases with label 0.</param>
public sealed record AurocEstimate(double Value, double Variance, int Positives, int Negatives)
{
    /// <summary>The square root of <see cref="Variance"/>.</summary>
    public double StandardError => Math.Sqrt(Variance);

    /// <summary>Value ± z · <see cref="StandardError"/>, the normal approximation.</summary>
    /// <remarks>
    /// It is not cut to 0…1: an end outside says that the cases are too few for the approximation, and
    /// <see cref="ConfidenceInterval.Within"/> cuts it for print. A perfect order has variance 0 and an interval of no width, however few the cases.
    /// </remarks>
    /// <param name="level">Confidence, above 0 and below 1; 0.95 unless given.</param>
    public ConfidenceInterval Interval(double level = 0.95)
    {
        Normal.CheckLevel(level, nameof(level));
        var reach = Normal.Quantile(level) * StandardError;
        return new ConfidenceInterval(Value - reach, Value + reach, level);
    }

    /// <summary>The area and its 95 % interval, cut to 0…1.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"AUROC {Value:F4} {Interval().Within(0, 1)} ({Positives} positive, {Negatives} negative)");
}

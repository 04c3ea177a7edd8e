using System.Globalization;

namespace MedPeft.Lora.Metrics;

/// <summary>Two areas under ROC curves and the test of their difference.</summary>
/// <param name="A">The first.</param>
/// <param name="B">The second.</param>
/// <param name="Covariance">Of the two areas; 0 where they come from different cases.</param>
/// <param name="Variance">Of the difference: the sum of the variances less twice the covariance, exactly 0 where the scores order alike.</param>
public sealed record AurocDifference(AurocEstimate A, AurocEstimate B, double Covariance, double Variance)
{
    /// <summary>A - B.</summary>
    public double Value => A.Value - B.Value;

    /// <summary>The difference in standard errors; 0 where the areas are equal, infinite where they differ without any variance.</summary>
    public double Z => Value == 0 ? 0 : Value / Math.Sqrt(Variance);

    /// <summary>The chance of a difference at least as large, either way, between equally good models; 1 for identical scores.</summary>
    public double P => Normal.TwoSided(Z);

    /// <summary>Value ± z · √Variance.</summary>
    /// <param name="level">Confidence, above 0 and below 1; 0.95 unless given.</param>
    public ConfidenceInterval Interval(double level = 0.95)
    {
        Normal.CheckLevel(level, nameof(level));
        var reach = Normal.Quantile(level) * Math.Sqrt(Variance);
        return new ConfidenceInterval(Value - reach, Value + reach, level);
    }

    /// <summary>The difference, its 95 % interval and p.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{A.Value:F4} - {B.Value:F4} = {Value:+0.0000;-0.0000;0.0000} {Interval()}, p = {P:G3}");
}

using System.Globalization;

namespace MedPeft.Lora.Metrics;

/// <summary>A range that holds the true value with a stated confidence.</summary>
/// <param name="Lower">The lower end.</param>
/// <param name="Upper">The upper end.</param>
/// <param name="Level">The confidence, 0.95 for instance.</param>
public readonly record struct ConfidenceInterval(double Lower, double Upper, double Level)
{
    /// <summary>Cuts the interval to a range of possible values.</summary>
    /// <param name="lowest">The least possible value, 0 for an area.</param>
    /// <param name="highest">The greatest possible value, 1 for an area.</param>
    public ConfidenceInterval Within(double lowest, double highest) =>
        this with { Lower = Math.Clamp(Lower, lowest, highest), Upper = Math.Clamp(Upper, lowest, highest) };

    /// <summary>Both ends, with four decimals.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"[{Lower:F4}, {Upper:F4}]");
}

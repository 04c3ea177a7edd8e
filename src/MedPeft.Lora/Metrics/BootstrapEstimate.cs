using System.Globalization;

namespace MedPeft.Lora.Metrics;

/// <summary>A statistic with its interval from resamples.</summary>
/// <param name="Value">The statistic of the cases themselves.</param>
/// <param name="Mean">Its mean over the resamples.</param>
/// <param name="StandardError">Its standard deviation over the resamples.</param>
/// <param name="Interval">The percentile interval.</param>
/// <param name="Replicates">Resamples that entered.</param>
/// <param name="Redrawn">Resamples drawn again because they held cases of one class only.</param>
public sealed record BootstrapEstimate(double Value, double Mean, double StandardError, ConfidenceInterval Interval, int Replicates, int Redrawn)
{
    /// <summary>The value and its interval.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Value:F4} {Interval} ({Replicates} resamples)");
}

using System.Globalization;

namespace MedPeft.Lora.Metrics;

/// <summary>The distance between the subgroups that a label is found best and worst in.</summary>
/// <param name="Label">The label's name.</param>
/// <param name="Best">The group with the greatest area.</param>
/// <param name="Worst">The group with the least area.</param>
/// <param name="Difference">
/// Best less worst, with DeLong's test for independent cases. Picking the extremes of several groups makes its p value too small.
/// </param>
public sealed record SubgroupGap(string Label, string Best, string Worst, AurocDifference Difference)
{
    /// <summary>The gap in words.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Label}: {Best} {Difference.A.Value:F4}, {Worst} {Difference.B.Value:F4}, gap {Difference.Value:F4} {Difference.Interval()}");
}

namespace MedPeft.Samples.Drawing;

/// <summary>One line, or one set of bars, of a chart.</summary>
/// <param name="Name">For the legend.</param>
/// <param name="X">Positions; for bars, the group each bar belongs to.</param>
/// <param name="Y">Values; NaN leaves a gap.</param>
public sealed record ChartSeries(string Name, IReadOnlyList<double> X, IReadOnlyList<double> Y)
{
    /// <summary>Place in the palette; null takes the series' own number.</summary>
    public int? Color { get; init; }

    /// <summary>Dashed instead of drawn through.</summary>
    public bool Dashed { get; init; }

    /// <summary>Whether points are marked; null marks them where there are few.</summary>
    public bool? Marked { get; init; }
}

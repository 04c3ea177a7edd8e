namespace MedPeft.Samples.Drawing;

/// <summary>A curve with the number that sums it up.</summary>
/// <param name="Name">The label.</param>
/// <param name="X">Positions, 0 to 1.</param>
/// <param name="Y">Values, 0 to 1.</param>
/// <param name="Value">The area under it, or the average precision.</param>
/// <param name="Interval">Of the value; null where there is none.</param>
public sealed record RatedCurve(string Name, IReadOnlyList<double> X, IReadOnlyList<double> Y, double Value, (double Low, double High)? Interval = null);

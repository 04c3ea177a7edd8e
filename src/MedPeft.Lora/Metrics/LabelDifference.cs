namespace MedPeft.Lora.Metrics;

/// <summary>The test of two models on one label.</summary>
/// <param name="Label">The label's name.</param>
/// <param name="Difference">The test; null where a class has fewer than two cases.</param>
/// <param name="AdjustedP">The p value by Holm's step-down over all labels tested (Holm 1979, Scand. J. Statist. 6:65-70); null with Difference.</param>
public sealed record LabelDifference(string Label, AurocDifference? Difference, double? AdjustedP);

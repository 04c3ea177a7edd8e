namespace MedPeft.Lora.Metrics;

/// <summary>A corner of a ROC curve.</summary>
/// <param name="FalsePositiveRate">The share of negatives at or above the threshold: 1 - specificity.</param>
/// <param name="TruePositiveRate">The share of positives at or above the threshold: sensitivity.</param>
/// <param name="Threshold">The score; positive infinity at (0, 0).</param>
public readonly record struct RocPoint(double FalsePositiveRate, double TruePositiveRate, float Threshold);

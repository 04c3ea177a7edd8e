namespace MedPeft.Lora.Metrics;

/// <summary>A point of a precision-recall curve.</summary>
/// <param name="Recall">The share of positives at or above the threshold.</param>
/// <param name="Precision">The share of positives among the cases at or above the threshold; 1 at recall 0, by convention.</param>
/// <param name="Threshold">The score; positive infinity at recall 0.</param>
public readonly record struct PrecisionRecallPoint(double Recall, double Precision, float Threshold);

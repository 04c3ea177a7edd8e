namespace MedPeft.Lora.Metrics;

/// <summary>The areas under the ROC curve of one subgroup's cases.</summary>
/// <param name="Name">The key of the group, or "unknown".</param>
/// <param name="Cases">Its cases.</param>
/// <param name="Auroc">Per label and macro, over the labels that the group has cases of both classes for.</param>
/// <param name="Estimates">Per label, with DeLong's variance; null where a class has fewer than two cases.</param>
public sealed record Subgroup(string Name, int Cases, AurocReport Auroc, IReadOnlyList<AurocEstimate?> Estimates);

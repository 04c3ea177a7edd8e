namespace MedPeft.Lora.Metrics;

/// <summary>Thresholds chosen for one label, on validation cases.</summary>
/// <param name="Label">The label's name.</param>
/// <param name="F1">The one with the greatest F1; null without positives.</param>
/// <param name="Youden">The one with the greatest sensitivity + specificity - 1; null where one class is absent.</param>
public sealed record LabelThresholds(string Label, float? F1, float? Youden);

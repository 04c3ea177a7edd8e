namespace MedPeft.Lora.Metrics;

/// <summary>Estimates from the same resamples for each label and for their mean.</summary>
/// <param name="PerLabel">One entry per label, in order.</param>
/// <param name="Macro">The mean over the labels that have an estimate; null where none has.</param>
public sealed record BootstrapReport(IReadOnlyList<LabelBootstrap> PerLabel, BootstrapEstimate? Macro);

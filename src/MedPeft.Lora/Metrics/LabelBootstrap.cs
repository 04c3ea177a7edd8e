namespace MedPeft.Lora.Metrics;

/// <summary>One label's estimate from resamples.</summary>
/// <param name="Label">The label's name.</param>
/// <param name="Estimate">Null where the cases are all of one class.</param>
public sealed record LabelBootstrap(string Label, BootstrapEstimate? Estimate);

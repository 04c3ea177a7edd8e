namespace MedPeft.Lora;

/// <summary>How one layer has taken its update.</summary>
/// <param name="Path">The layer.</param>
/// <param name="LargestError">Largest difference between an entry of the merged weight and its exact value.</param>
/// <param name="Lost">Share of the update that rounding has lost, ‖(W' − W) − ΔW‖ / ‖ΔW‖; 0 for an update of zeros.</param>
public sealed record MergedLayer(string Path, double LargestError, double Lost);

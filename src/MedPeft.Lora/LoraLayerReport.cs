namespace MedPeft.Lora;

/// <summary>How far one layer has moved.</summary>
/// <param name="Layer">The layer.</param>
/// <param name="DeltaNorm">Frobenius norm of the change of its weight, ‖ΔW‖.</param>
/// <param name="WeightNorm">Frobenius norm of its weight without the change, ‖W‖.</param>
public sealed record LoraLayerReport(LoraLayerInfo Layer, double DeltaNorm, double WeightNorm)
{
    /// <summary>‖ΔW‖ / ‖W‖; 0 for a weight of zeros.</summary>
    public double Relative => WeightNorm == 0 ? 0 : DeltaNorm / WeightNorm;
}

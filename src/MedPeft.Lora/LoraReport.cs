using System.Globalization;
using MedPeft.Lora.Injection;

namespace MedPeft.Lora;

/// <summary>The adapted layers with the size of their updates; see <see cref="LoraAdapter.Describe"/>.</summary>
/// <param name="Layers">Each layer, in the order of the model.</param>
/// <param name="Parameters">How many parameters are trained.</param>
public sealed record LoraReport(IReadOnlyList<LoraLayerReport> Layers, ParameterCount Parameters)
{
    /// <summary>A table: layer, kind, rank, alpha, parameters, ‖ΔW‖ and ‖ΔW‖/‖W‖.</summary>
    public override string ToString() => (Layers.Count == 0 ? "" : TextTable.Of(["layer", "kind", "rank", "alpha", "parameters", "‖ΔW‖", "‖ΔW‖/‖W‖"],
            Layers.Select(row => (string[])[.. TextTable.Cells(row.Layer), row.DeltaNorm.ToString("0.0000", CultureInfo.InvariantCulture), row.Relative.ToString("0.0000", CultureInfo.InvariantCulture)])))
        + $"{Parameters}\n";
}

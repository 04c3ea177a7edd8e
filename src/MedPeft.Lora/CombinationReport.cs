using System.Globalization;
using MedPeft.Lora.Injection;

namespace MedPeft.Lora;

/// <summary>What <see cref="AdapterSet.Combine"/> has made.</summary>
/// <param name="Adapter">The new adapter, which is in use.</param>
/// <param name="Layers">Its layers, with how much of the combined change each keeps.</param>
public sealed record CombinationReport(LoraAdapter Adapter, IReadOnlyList<FactoredLayer> Layers)
{
    /// <summary>A table: layer, rank, energy kept in percent.</summary>
    public override string ToString() => TextTable.Of(["layer", "rank", "kept"], Layers.Select(layer => new[]
    {
        layer.Path, layer.Rank.ToString(CultureInfo.InvariantCulture), string.Create(CultureInfo.InvariantCulture, $"{100 * layer.EnergyKept:0.00} %"),
    }));
}

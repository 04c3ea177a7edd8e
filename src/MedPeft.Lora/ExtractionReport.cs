using System.Globalization;
using MedPeft.Lora.Injection;

namespace MedPeft.Lora;

/// <summary>What <see cref="LoraExtraction"/> has taken over.</summary>
/// <param name="Adapter">The new adapter, which is in use.</param>
/// <param name="Layers">Its layers, with the share of the difference that each keeps.</param>
/// <param name="LeftOut">Parameters and buffers that differ between the two models and are in no adapted layer and no module trained in full: the adapter does not have their changes.</param>
public sealed record ExtractionReport(LoraAdapter Adapter, IReadOnlyList<FactoredLayer> Layers, IReadOnlyList<string> LeftOut)
{
    /// <summary>A table: layer, rank, energy kept in percent; then what was left out.</summary>
    public override string ToString() => TextTable.Of(["layer", "rank", "kept"], Layers.Select(layer => new[]
    {
        layer.Path, layer.Rank.ToString(CultureInfo.InvariantCulture), string.Create(CultureInfo.InvariantCulture, $"{100 * layer.EnergyKept:0.00} %"),
    })) + (LeftOut.Count == 0 ? "" : $"differs and is left out: {Names.Some(LeftOut)}\n");
}

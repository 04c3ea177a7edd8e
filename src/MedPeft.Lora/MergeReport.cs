using System.Globalization;
using MedPeft.Lora.Injection;

namespace MedPeft.Lora;

/// <summary>How well the weights have taken the updates; from <see cref="LoraAdapter.Merge()"/>.</summary>
/// <param name="Layers">Each layer, in the order of the model.</param>
/// <param name="OutputError">Largest change of an output for <see cref="MergeOptions.Sample"/>; null without a sample.</param>
public sealed record MergeReport(IReadOnlyList<MergedLayer> Layers, double? OutputError)
{
    /// <summary>The largest error of an entry of any weight.</summary>
    public double LargestError => Layers.Select(layer => layer.LargestError).DefaultIfEmpty(0).Max();

    /// <summary>The largest share that any layer has lost of its update.</summary>
    public double Lost => Layers.Select(layer => layer.Lost).DefaultIfEmpty(0).Max();

    /// <summary>A table: layer, largest error, share lost; then the change of the outputs.</summary>
    public override string ToString() => TextTable.Of(["layer", "lost", "largest error"], Layers.Select(layer => new[]
    {
        layer.Path, string.Create(CultureInfo.InvariantCulture, $"{100 * layer.Lost:0.0000} %"), layer.LargestError.ToString("0.0e+00", CultureInfo.InvariantCulture),
    })) + (OutputError is { } error ? string.Create(CultureInfo.InvariantCulture, $"largest change of an output: {error:0.0e+00}\n") : "");
}

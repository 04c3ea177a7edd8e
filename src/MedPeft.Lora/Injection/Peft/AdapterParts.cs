using static TorchSharp.torch;

namespace MedPeft.Lora.Injection.Peft;

/// <summary>A model with adapters in it, as saving and loading need to see it.</summary>
/// <param name="Root">The model.</param>
/// <param name="Config">What the adapters were made by.</param>
/// <param name="Selection">What it has selected.</param>
/// <param name="Layers">The adapters, in the order of the model.</param>
/// <param name="State">The model's own parameters and buffers as this adapter alone sees them: its own values of what it trains in full, in use or not.</param>
internal sealed record AdapterParts(
    nn.Module Root, AdapterConfig Config, Selection Selection, IReadOnlyList<(string Path, AdapterLayer Layer)> Layers, IReadOnlyList<(string Name, Tensor Value)> State)
{
    /// <summary>Parameters and buffers that are trained in full, with their names in a file: PEFT keeps an adapted layer's own under <c>base_layer</c>.</summary>
    public IEnumerable<(string Key, Tensor Value)> Trained() =>
        State.Where(entry => Selection.IsTrained(entry.Name)).Select(entry => (Key(entry.Name), entry.Value));

    /// <summary>Running statistics of frozen normalisations, which move in training all the same.</summary>
    public IEnumerable<(string Key, Tensor Value)> Moved() =>
        State.Where(entry => !Selection.IsTrained(entry.Name) && OwnValues.IsRunningStatistic(entry.Name)).Select(entry => (Key(entry.Name), entry.Value));

    /// <summary>What the adapters stand on: all that neither they nor another adapter of the model trains.</summary>
    public IReadOnlyList<KeyValuePair<string, Tensor>> Frozen() =>
        [.. State.Where(entry => !Selection.IsTrained(entry.Name) && !entry.Value.requires_grad && !OwnValues.IsRunningStatistic(entry.Name))
            .Select(entry => KeyValuePair.Create(ModulePath.Plain(entry.Name), entry.Value))];

    /// <summary>Runs something while no adapter of the model is merged, and merges again what was.</summary>
    public T Unmerged<T>(Func<T> run)
    {
        var merged = ModuleTree.Read(Root).Select(node => node.Module).OfType<AdapterLayer>().SelectMany(layer => layer.Stacked).Where(layer => layer.Merged).Distinct().ToList();
        foreach (var layer in merged) layer.Unmerge();
        try
        {
            return run();
        }
        finally
        {
            foreach (var layer in merged) layer.Merge();
        }
    }

    /// <summary>The state dict of the model without adapters.</summary>
    /// <exception cref="LoraException">An adapter is not merged, so that its update would be missing.</exception>
    public IEnumerable<KeyValuePair<string, Tensor>> Plain() => ModuleTree.Read(Root).FirstOrDefault(node => node.Module is AdapterLayer adapted && adapted.Stacked.Any(layer => layer.InUse && !layer.Merged)) is { } unmerged
        ? throw new LoraException($"'{unmerged.Path}' is adapted by another adapter of the model, which is not merged, and its update would be missing. Merge that one too, or remove it.")
        : State.Select(entry => KeyValuePair.Create(entry.Name, entry.Value));

    private string Key(string name)
    {
        var adapted = Layers.FirstOrDefault(layer => ModulePath.IsWithin(name, layer.Path)).Path;
        return adapted is null ? PeftForm.Of(Config).TrainedKey(this, ModulePath.Plain(name)) : ModulePath.Plain($"{adapted}.base_layer.{name[(adapted.Length + 1)..]}");
    }
}

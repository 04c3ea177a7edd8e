using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace MedPeft.Lora.Injection;

/// <summary>Which parameters of a model receive gradients while it is adapted; shared by all adapters on one root, and undone by the last that leaves.</summary>
internal sealed class Freezing
{
    private static readonly ConditionalWeakTable<nn.Module, Freezing> Active = [];

    private readonly Dictionary<string, bool> _before;
    private readonly List<Selection> _selections = [];

    private Freezing(nn.Module root) =>
        // By name: to() replaces the parameters themselves.
        _before = root.named_parameters().ToDictionary(entry => entry.name, entry => entry.parameter.requires_grad);

    /// <summary>Remembers how things are now, if nobody has yet.</summary>
    public static Freezing Of(nn.Module root) => Active.TryGetValue(root, out var active) ? active : new Freezing(root);

    /// <summary>Freezes all but the adapters and what the selections train in full.</summary>
    public void Add(nn.Module root, Selection selection)
    {
        _selections.Add(selection);
        Active.AddOrUpdate(root, this);
        Apply(root);
    }

    /// <summary>Undoes one selection.</summary>
    public void Remove(nn.Module root, Selection selection)
    {
        _selections.Remove(selection);
        Restore(root);
    }

    /// <summary>Puts things right after adapters have gone: as the remaining selections want them or, without any, as they were.</summary>
    public void Restore(nn.Module root)
    {
        if (_selections.Count > 0)
        {
            Apply(root);
            return;
        }
        foreach (var (name, parameter) in root.named_parameters())
            if (_before.TryGetValue(name, out var trained))
                parameter.requires_grad = trained;
        Active.Remove(root);
    }

    private void Apply(nn.Module root)
    {
        var tree = ModuleTree.Read(root);
        foreach (var (_, parameter) in root.named_parameters()) parameter.requires_grad = false;
        foreach (var layer in tree.Select(node => node.Module).OfType<AdapterLayer>())
            foreach (var (name, parameter) in layer.Adapter)
                parameter.requires_grad = layer.Trains(name);
        // Through the modules, because a shared parameter is listed under one of its names only.
        foreach (var node in tree)
            if (_selections.Any(selection => selection.TrainedModules.Contains(node.Path)))
                foreach (var parameter in node.Module.parameters())
                    parameter.requires_grad = true;
        foreach (var name in _selections.SelectMany(selection => selection.TrainedParameters))
            if (root.get_parameter(name) is { } parameter)
                parameter.requires_grad = true;
    }
}

using static TorchSharp.torch;

namespace MedPeft.Lora.Injection;

/// <summary>Which parameters of a model receive gradients while it is adapted, and which did before.</summary>
internal sealed class Freezing(nn.Module root)
{
    // By name: to() replaces the parameters themselves.
    private readonly Dictionary<string, bool> _before = root.named_parameters().ToDictionary(entry => entry.name, entry => entry.parameter.requires_grad);

    /// <summary>Freezes all but the adapters in use and what they train in full; without any selection, all is as it was.</summary>
    public void Apply(nn.Module root, IReadOnlyList<Selection>? inUse)
    {
        if (inUse is null)
        {
            foreach (var (name, parameter) in root.named_parameters())
                if (_before.TryGetValue(name, out var trained))
                    parameter.requires_grad = trained;
            return;
        }
        var tree = ModuleTree.Read(root);
        foreach (var (_, parameter) in root.named_parameters()) parameter.requires_grad = false;
        foreach (var layer in tree.Select(node => node.Module).OfType<AdapterLayer>().SelectMany(layer => layer.Stacked))
            foreach (var (name, parameter) in layer.Adapter)
                parameter.requires_grad = layer.InUse && layer.Trains(name);
        // Through the modules, because a shared parameter is listed under one of its names only.
        foreach (var node in tree)
            if (inUse.Any(selection => selection.TrainedModules.Contains(node.Path)))
                foreach (var parameter in node.Module.parameters())
                    parameter.requires_grad = true;
        foreach (var name in inUse.SelectMany(selection => selection.TrainedParameters))
            if (root.get_parameter(name) is { } parameter)
                parameter.requires_grad = true;
    }
}

using MedPeft.Lora.Injection.NativeLayers;
using static TorchSharp.torch;

namespace MedPeft.Lora.Injection;

/// <summary>The modules and single parameters that <see cref="AdapterConfig.Trainable"/> names.</summary>
internal sealed record TrainedInFull(IReadOnlyList<string> Modules, IReadOnlyList<string> Parameters)
{
    public static TrainedInFull Of(nn.Module root, IReadOnlyList<ModuleNode> tree, AdapterConfig config)
    {
        // The parts of a layer in native code are no modules to a state dict; it is trained in full as a whole, or by the names of its parameters.
        tree = [.. tree.Where(node => NativeLayer.Of(node.Owner) is null)];
        var (modules, parameters, unmatched) = (new List<string>(), new List<string>(), new List<string>());
        foreach (var name in config.Trainable)
        {
            var found = tree.Where(node => ModulePath.Matches(name, node.Path)).Select(node => node.Path).ToList();
            // Single parameters only where no module has the name, so that "norm" never means half of something.
            var single = found.Count > 0 ? [] : root.named_parameters().Select(entry => entry.name).Where(parameter => ModulePath.Matches(name, parameter)).ToList();
            if (found.Count == 0 && single.Count == 0) unmatched.Add(name);
            modules.AddRange(found.Except(modules));
            parameters.AddRange(single.Except(parameters));
        }
        return unmatched.Count == 0
            ? new TrainedInFull(modules, parameters)
            : throw new LoraException($"No module matches Trainable {Names.Quoted(unmatched)}. Modules here: {Names.Nearest(unmatched, [.. tree.Select(node => node.Path)])}.");
    }

    /// <summary>Both together, each name once.</summary>
    public TrainedInFull With(TrainedInFull other) => new([.. Modules.Union(other.Modules)], [.. Parameters.Union(other.Parameters)]);

    /// <summary>True if the module is trained in full, or a part of one is that.</summary>
    public bool Contains(string path) => Modules.Any(module => ModulePath.IsWithin(path, module));

    /// <summary>A layer is adapted or trained in full, not both.</summary>
    public void RefuseAdapted(IReadOnlyList<ModuleNode> tree, IReadOnlyList<ModuleNode> targets)
    {
        var layers = new HashSet<nn.Module>(targets.Select(target => target.Module), ReferenceEqualityComparer.Instance);
        var adapted = tree.Where(node => node.Module is AdapterLayer || layers.Contains(node.Module)).Select(node => node.Path).ToList();
        foreach (var trained in Modules.Concat(Parameters))
        {
            if (adapted.Find(path => ModulePath.IsWithin(trained, path)) is { } both)
                throw new LoraException($"'{both}' is adapted and cannot be trained in full as well. Take it out of Targets or out of Trainable.");
            if (adapted.Find(path => ModulePath.IsWithin(path, trained)) is { } inside)
                throw new LoraException($"'{trained}' in Trainable contains the adapted layer '{inside}'. Name the modules to train in full one by one.");
        }
    }
}

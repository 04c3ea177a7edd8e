using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Injection;

/// <summary>What a configuration selects in a model, checked before anything changes.</summary>
/// <param name="Layers">The layers to adapt, each once, with its first path.</param>
/// <param name="TrainedModules">Paths of the modules that are trained in full.</param>
/// <param name="TrainedParameters">Names of single parameters that are trained in full.</param>
internal sealed record Selection(IReadOnlyList<(string Path, nn.Module Layer)> Layers, IReadOnlyList<string> TrainedModules, IReadOnlyList<string> TrainedParameters)
{
    /// <summary>Selects, or explains why not.</summary>
    public static Selection Of(nn.Module root, IReadOnlyList<ModuleNode> tree, LoraConfig config)
    {
        if (LayerKinds.CanAdapt(root))
            throw new LoraException($"The model is itself a {root.GetType().Name} layer, which has no place to put an adapter in. Adapt it by new Lora{root.GetType().Name}(layer, config).");
        if (root is LoraLayer) throw new LoraException("The model is itself an adapted layer. Remove its adapter before adding another.");
        var layers = Targets(root, tree, config);
        RefuseMixedBlocks(layers, config);
        foreach (var (path, layer) in layers)
            if (LayerKinds.Misfit(layer, config, $"'{path}'") is { } misfit)
                throw new LoraException(misfit);
        var (modules, parameters) = Trainable(root, tree, layers, config);
        return new Selection(layers, modules, parameters);
    }

    /// <summary>True if the parameter of that name is trained in full.</summary>
    public bool IsTrained(string parameter) => TrainedParameters.Contains(parameter) || TrainedModules.Any(module => ModulePath.IsWithin(parameter, module));

    private static List<(string, nn.Module)> Targets(nn.Module root, IReadOnlyList<ModuleNode> tree, LoraConfig config)
    {
        var matched = tree.Where(node => config.Targets.Any(target => ModulePath.Matches(target, node.Path))).ToList();
        if (matched.FirstOrDefault(node => node.Module is LoraLayer) is { } adapted)
            throw new LoraException($"'{adapted.Path}' is adapted already. Remove its adapter first, or leave the layer out of Targets {Names.Quoted(config.Targets)}.");

        var unmatched = config.Targets.Where(target => !matched.Any(node => ModulePath.Matches(target, node.Path))).ToList();
        var layers = tree.Where(node => LayerKinds.CanAdapt(node.Module)).Select(node => node.Path).ToList();
        if (unmatched.Count > 0)
            throw new LoraException($"No module matches Targets {Names.Quoted(unmatched)}. " + (layers.Count > 0
                ? $"Linear layers here: {Names.Nearest(unmatched, layers)}."
                : $"{root.GetType().Name} has no Linear layers" + (tree.Count == 0 ? " and no modules at all; does its constructor call RegisterComponents()?" : ".")));

        if (matched.FirstOrDefault(node => !LayerKinds.CanAdapt(node.Module)) is { } other)
        {
            var below = layers.Where(path => ModulePath.IsWithin(path, other.Path)).ToList();
            throw new LoraException($"'{other.Path}' matches Targets {Names.Quoted(config.Targets)}, which is of type {other.Module.GetType().Name}, not a Linear layer. "
                + (below.Count > 0 ? $"Linear layers below it: {Names.Nearest(config.Targets, below)}." : "It has no Linear layers below it."));
        }
        return [.. matched.DistinctBy(node => node.Module, ReferenceEqualityComparer.Instance).Select(node => (node.Path, node.Module))];
    }

    // Blocks split rows in three, and the rows of a plain layer may be divisible by three too: an adapter would sit there and mean nothing.
    private static void RefuseMixedBlocks(List<(string Path, nn.Module Layer)> layers, LoraConfig config)
    {
        if (config.Blocks is null) return;
        static bool LooksFused(nn.Module layer) => layer is Linear { weight.shape: var shape } && shape[0] == 3 * shape[1];
        if (layers.FirstOrDefault(entry => LooksFused(entry.Layer)) is not ({ } fused, _) || layers.FirstOrDefault(entry => !LooksFused(entry.Layer)) is not ({ } plain, _)) return;
        throw new LoraException($"Blocks [{string.Join(", ", config.Blocks)}] fits a fused qkv such as '{fused}', but Targets {Names.Quoted(config.Targets)} matches '{plain}' as well, which is none. "
            + "Adapt the two by two calls of InjectLora, the second without Blocks.");
    }

    private static (List<string> Modules, List<string> Parameters) Trainable(nn.Module root, IReadOnlyList<ModuleNode> tree, List<(string Path, nn.Module Layer)> layers, LoraConfig config)
    {
        var modules = new List<string>();
        var parameters = new List<string>();
        var unmatched = new List<string>();
        foreach (var name in config.Trainable)
        {
            var found = tree.Where(node => ModulePath.Matches(name, node.Path)).Select(node => node.Path).ToList();
            // Single parameters only where no module has the name, so that "norm" never means half of something.
            var single = found.Count > 0 ? [] : root.named_parameters().Select(entry => entry.name).Where(parameter => ModulePath.Matches(name, parameter)).ToList();
            if (found.Count == 0 && single.Count == 0) unmatched.Add(name);
            modules.AddRange(found.Except(modules));
            parameters.AddRange(single.Except(parameters));
        }
        if (unmatched.Count > 0)
            throw new LoraException($"No module matches Trainable {Names.Quoted(unmatched)}. Modules here: {Names.Nearest(unmatched, [.. tree.Select(node => node.Path)])}.");

        var adapted = tree.Where(node => node.Module is LoraLayer || layers.Any(layer => ReferenceEquals(layer.Layer, node.Module))).Select(node => node.Path).ToList();
        foreach (var trained in modules.Concat(parameters))
        {
            if (adapted.Find(path => path == trained || ModulePath.IsWithin(trained, path)) is { } both)
                throw new LoraException($"'{both}' is adapted and cannot be trained in full as well. Take it out of Targets or out of Trainable.");
            if (adapted.Find(path => ModulePath.IsWithin(path, trained)) is { } inside)
                throw new LoraException($"'{trained}' in Trainable contains the adapted layer '{inside}'. Name the modules to train in full one by one.");
        }
        return (modules, parameters);
    }
}

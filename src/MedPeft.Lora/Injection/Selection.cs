using MedPeft.Lora.Injection.NativeLayers;
using static TorchSharp.torch;

namespace MedPeft.Lora.Injection;

/// <summary>What a configuration selects in a model, checked before anything changes.</summary>
/// <param name="Layers">The layers to adapt, each once, with its first path and its own rank and alpha.</param>
/// <param name="TrainedModules">Paths of the modules that are trained in full.</param>
/// <param name="TrainedParameters">Names of single parameters that are trained in full, biases included.</param>
internal sealed record Selection(
    IReadOnlyList<(string Path, nn.Module Layer, AdapterConfig Config)> Layers, IReadOnlyList<string> TrainedModules, IReadOnlyList<string> TrainedParameters)
{
    /// <summary>Selects, or explains why not.</summary>
    public static Selection Of(nn.Module root, IReadOnlyList<ModuleNode> tree, AdapterConfig config, string name = AdapterSet.DefaultName)
    {
        if (config.CanAdapt(root))
            throw new LoraException($"The model is itself a {root.GetType().Name} layer, which has no place to put an adapter in. Adapt it by new {config.LayerType(root)}(layer, config).");
        if (root is AdapterLayer) throw new LoraException("The model is itself an adapted layer. Remove its adapter before adding another.");
        if (config is { AllLinear: true, TargetPattern: not null }) throw new LoraException("AllLinear and TargetPattern both say which layers to adapt; set one of them.");

        var trained = TrainedInFull.Of(root, tree, config);
        var targets = config.Select(root, config.AdaptsLayers ? WithoutOthers(tree, name) : tree, trained);
        trained = trained.With(config.InFull(root, tree));
        trained.RefuseAdapted(tree, targets);
        config.DemandFits(targets);
        var layers = targets.Select(target => (target.Path, target.Module, config.For(target, tree))).ToList();
        foreach (var (path, layer, _) in layers)
            if (NativePart.Of(layer)?.Layer is { } native && native.Obstacle() is { } obstacle)
                throw new LoraException($"'{path}' cannot be adapted: the {native.Host.GetType().Name} that it lies in {obstacle}. Leave it out by Targets or Exclude, or build the layer of Linear layers.");
        foreach (var (path, layer, settings) in layers)
            if (settings.Misfit(layer, $"'{path}'") is { } misfit)
                throw new LoraException(misfit);
        return new Selection(layers, trained.Modules, [.. trained.Parameters.Union(Biases(root, targets, config.Bias))]);
    }

    /// <summary>True if the parameter of that name is trained in full.</summary>
    public bool IsTrained(string parameter) => TrainedParameters.Contains(parameter) || TrainedModules.Any(module => ModulePath.IsWithin(parameter, module));

    // A layer that only adapters of other names are on can be adapted like any other.
    private static IReadOnlyList<ModuleNode> WithoutOthers(IReadOnlyList<ModuleNode> tree, string name) =>
        [.. tree.Select(node => node.Module is AdapterLayer adapted && adapted.Stacked.All(layer => layer.AdapterName != name) ? node with { Module = adapted.Base } : node)];

    private static IEnumerable<string> Biases(nn.Module root, IReadOnlyList<ModuleNode> targets, LoraBias mode)
    {
        if (mode == LoraBias.None) return [];
        return mode == LoraBias.All
            ? root.named_parameters().Select(entry => entry.name).Where(name => ModulePath.Last(name) is "bias" or $"{NativeLayer.Input}_bias")
            : targets.Where(node => node.Module.has_parameter("bias")).Select(node => NativePart.ParameterName(node.Path, node.Module, "bias"));
    }
}

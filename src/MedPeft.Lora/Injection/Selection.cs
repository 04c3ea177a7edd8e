using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Injection;

/// <summary>What a configuration selects in a model, checked before anything changes.</summary>
/// <param name="Layers">The layers to adapt, each once, with its first path and its own rank and alpha.</param>
/// <param name="TrainedModules">Paths of the modules that are trained in full.</param>
/// <param name="TrainedParameters">Names of single parameters that are trained in full, biases included.</param>
internal sealed record Selection(
    IReadOnlyList<(string Path, nn.Module Layer, LoraConfig Config)> Layers, IReadOnlyList<string> TrainedModules, IReadOnlyList<string> TrainedParameters)
{
    /// <summary>Selects, or explains why not.</summary>
    public static Selection Of(nn.Module root, IReadOnlyList<ModuleNode> tree, LoraConfig config)
    {
        if (LayerKinds.CanAdapt(root))
            throw new LoraException($"The model is itself a {root.GetType().Name} layer, which has no place to put an adapter in. Adapt it by new Lora{root.GetType().Name}(layer, config).");
        if (root is LoraLayer) throw new LoraException("The model is itself an adapted layer. Remove its adapter before adding another.");
        if (config is { AllLinear: true, TargetPattern: not null }) throw new LoraException("AllLinear and TargetPattern both say which layers to adapt; set one of them.");

        var trained = TrainedInFull.Of(root, tree, config);
        var targets = TargetSelection.Of(root, tree, config, trained);
        trained.RefuseAdapted(tree, targets);
        RefuseMixedBlocks(targets, config);
        DemandPatternsMatch(targets, config);
        var layers = targets.Select(target => (target.Path, target.Module, config.For(target.Path))).ToList();
        foreach (var (path, layer, settings) in layers)
            if (LayerKinds.Misfit(layer, settings, $"'{path}'") is { } misfit)
                throw new LoraException(misfit);
        return new Selection(layers, trained.Modules, [.. trained.Parameters.Union(Biases(root, targets, config.Bias))]);
    }

    /// <summary>True if the parameter of that name is trained in full.</summary>
    public bool IsTrained(string parameter) => TrainedParameters.Contains(parameter) || TrainedModules.Any(module => ModulePath.IsWithin(parameter, module));

    // Blocks split rows in three, and the rows of a plain layer may be divisible by three too: an adapter would sit there and mean nothing.
    private static void RefuseMixedBlocks(IReadOnlyList<ModuleNode> targets, LoraConfig config)
    {
        if (config.Blocks is null) return;
        static bool LooksFused(ModuleNode node) => node.Module is Linear { weight.shape: var shape } && shape[0] == 3 * shape[1];
        if (targets.FirstOrDefault(LooksFused) is not { } fused || targets.FirstOrDefault(node => !LooksFused(node)) is not { } plain) return;
        throw new LoraException($"Blocks [{string.Join(", ", config.Blocks)}] fits a fused qkv such as '{fused.Path}', but '{plain.Path}' is to be adapted as well, which is none. "
            + "Adapt the two by two calls of InjectLora, the second without Blocks.");
    }

    private static void DemandPatternsMatch(IReadOnlyList<ModuleNode> targets, LoraConfig config)
    {
        foreach (var (property, names) in new[] { (nameof(LoraConfig.RankPattern), config.RankPattern.Keys), (nameof(LoraConfig.AlphaPattern), config.AlphaPattern.Keys) })
            if (names.Where(name => !targets.Any(node => ModulePath.Matches(name, node.Path))).ToList() is { Count: > 0 } unmatched)
                throw new LoraException($"No adapted layer matches {property} {Names.Quoted(unmatched)}. Adapted layers: {Names.Nearest(unmatched, [.. targets.Select(node => node.Path)])}.");
    }

    private static IEnumerable<string> Biases(nn.Module root, IReadOnlyList<ModuleNode> targets, LoraBias mode)
    {
        if (mode == LoraBias.None) return [];
        return mode == LoraBias.All
            ? root.named_parameters().Select(entry => entry.name).Where(name => ModulePath.Last(name) == "bias")
            : targets.Where(node => node.Module.has_parameter("bias")).Select(node => node.Path + ".bias");
    }
}

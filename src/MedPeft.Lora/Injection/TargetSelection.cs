using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Injection;

/// <summary>Finds the layers that a configuration names.</summary>
internal static class TargetSelection
{
    /// <summary>The places of the layers to adapt, each layer once.</summary>
    public static IReadOnlyList<ModuleNode> Of(nn.Module root, IReadOnlyList<ModuleNode> tree, AdapterConfig config, TrainedInFull trained)
    {
        var named = config switch
        {
            { AllLinear: true } => Demanded(root, tree, config, "AllLinear", [.. tree.Where(node => node.Module is Linear && !trained.Contains(node.Path))]),
            { TargetPattern: { } pattern } => ByPattern(root, tree, config, pattern),
            _ => ByNames(root, tree, config),
        };
        var isKept = IsKept(tree, config);
        var kept = named.Where(node => isKept(node.Path)).ToList();
        if (kept.Count == 0)
            throw new LoraException($"Exclude {Names.Quoted(config.Exclude)} and Within {Names.Quoted(config.Within)} leave none of the {named.Count} layers to adapt: {Names.Nearest([""], [.. named.Select(node => node.Path)])}.");
        if (kept.Find(node => node.Module is AdapterLayer) is { } adapted)
            throw new LoraException($"'{adapted.Path}' is adapted already. Remove its adapter first, leave the layer out, or give the new adapter a name of its own.");
        return [.. kept.DistinctBy(node => node.Module, ReferenceEqualityComparer.Instance)];
    }

    private static List<ModuleNode> ByNames(nn.Module root, IReadOnlyList<ModuleNode> tree, AdapterConfig config)
    {
        var targets = config.Targets;
        var unmatched = targets.Where(target => !tree.Any(node => ModulePath.Matches(target, node.Path))).ToList();
        if (unmatched.Count > 0) Demanded(root, tree, config, $"Targets {Names.Quoted(unmatched)}", [], unmatched);

        var matched = tree.Where(node => targets.Any(target => ModulePath.Matches(target, node.Path))).ToList();
        if (matched.Find(node => !IsLayer(node, config)) is { } other)
        {
            var below = tree.Where(node => config.CanAdapt(node.Module) && ModulePath.IsWithin(node.Path, other.Path)).Select(node => node.Path).ToList();
            throw new LoraException($"'{other.Path}' matches Targets {Names.Quoted(targets)}, but is of type {other.Module.GetType().Name}, {LayerKinds.Reason(other.Module, config.Kinds)}."
                + (below.Count > 0 ? $" Layers below it that can be adapted: {Names.Nearest(targets, below)}." : ""));
        }
        return matched;
    }

    private static List<ModuleNode> ByPattern(nn.Module root, IReadOnlyList<ModuleNode> tree, AdapterConfig config, string pattern)
    {
        var regex = AdapterConfig.Pattern(pattern, nameof(AdapterConfig.TargetPattern));
        return Demanded(root, tree, config, $"TargetPattern \"{pattern}\"", [.. tree.Where(node => IsLayer(node, config) && (regex.IsMatch(node.Path) || regex.IsMatch(ModulePath.Plain(node.Path))))], [pattern]);
    }

    private static List<ModuleNode> Demanded(nn.Module root, IReadOnlyList<ModuleNode> tree, AdapterConfig config, string by, List<ModuleNode> found, IReadOnlyList<string>? asked = null)
    {
        if (found.Count > 0) return found;
        var linear = tree.Where(node => node.Module is Linear).Select(node => node.Path).ToList();
        var others = tree.Where(node => config.CanAdapt(node.Module) && node.Module is not Linear).GroupBy(node => node.Module.GetType().Name)
            .Select(kind => $" {kind.Key} layers: {Names.Nearest(asked ?? [""], [.. kind.Select(node => node.Path)])}.");
        throw new LoraException($"No module matches {by}. " + (linear.Count > 0
            ? $"Linear layers here: {Names.Nearest(asked ?? [""], linear)}."
            : $"{root.GetType().Name} has no Linear layers{(tree.Count == 0 ? " and no modules at all; does its constructor call RegisterComponents()?" : ".")}") + string.Concat(others));
    }

    private static bool IsLayer(ModuleNode node, AdapterConfig config) => config.CanAdapt(node.Module) || node.Module is AdapterLayer;

    /// <summary>Says of the path of a module, or the name of a parameter, whether Exclude and Within leave it.</summary>
    public static Func<string, bool> IsKept(IReadOnlyList<ModuleNode> tree, AdapterConfig config)
    {
        var excluded = Modules(tree, nameof(AdapterConfig.Exclude), config.Exclude);
        var within = Modules(tree, nameof(AdapterConfig.Within), [.. config.Within.SelectMany(name => ModuleRange.Expand(name, nameof(AdapterConfig.Within)))]);
        return name => !excluded.Any(path => ModulePath.IsWithin(name, path)) && (within.Count == 0 || within.Any(path => ModulePath.IsWithin(name, path)));
    }

    private static List<string> Modules(IReadOnlyList<ModuleNode> tree, string property, IReadOnlyList<string> names)
    {
        var places = tree.SelectMany(node => NamesAbove(node).Append(node.Path)).Distinct().ToList();
        var unmatched = names.Where(name => !places.Exists(path => ModulePath.Matches(name, path))).ToList();
        return unmatched.Count == 0
            ? places.FindAll(path => names.Any(name => ModulePath.Matches(name, path)))
            : throw new LoraException($"No module matches {property} {Names.Quoted(unmatched)}. Modules here: {Names.Nearest(unmatched, [.. tree.Select(node => node.Path)])}.");
    }

    // The name of a part of a layer in native code has several steps, and what they name is no module but can be meant: layers.3 of layers.3.self_attn.in_proj.
    private static IEnumerable<string> NamesAbove(ModuleNode node)
    {
        for (var end = node.Name.IndexOf('.', StringComparison.Ordinal); end > 0; end = node.Name.IndexOf('.', end + 1)) yield return node.Path[..^(node.Name.Length - end)];
    }
}

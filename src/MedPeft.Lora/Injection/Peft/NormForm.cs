using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Checkpoints.Adapters;
using static TorchSharp.torch;

namespace MedPeft.Lora.Injection.Peft;

/// <summary>PEFT's <c>LN_TUNING</c>, which trains a copy of each norm and keeps it under <c>ln_tuning_layers</c>.</summary>
internal sealed class NormForm() : MethodForm("LN_TUNING")
{
    private const string Copies = "ln_tuning_layers";

    protected override string Mark => $".{Copies}.weight";

    protected override IReadOnlyList<string> Heard => [];

    public override bool Holds(AdapterConfig config) => config is NormTuningConfig;

    public override JsonObject Fields(AdapterParts parts)
    {
        var fields = CommonFields(parts);
        var targets = Norms(parts).Order(StringComparer.Ordinal).ToList();
        fields["target_modules"] = string.Join('|', targets.Select(Regex.Escape));
        var saved = parts.Selection.TrainedModules.Select(ModulePath.Plain).Except(targets).ToList();
        fields["modules_to_save"] = saved.Count == 0 ? null : new JsonArray([.. saved.Select(name => (JsonNode?)name)]);
        return fields;
    }

    private protected override IEnumerable<string> OfMethod(AdapterParts parts)
    {
        var single = parts.Selection.TrainedParameters;
        return base.OfMethod(parts).Concat(single.Count == 0 || parts.Config.Bias != LoraBias.None ? [] : [$"PEFT trains whole modules only, and {Names.Some(single)} is a parameter of one."]);
    }

    public override string TrainedKey(AdapterParts parts, string name)
    {
        var path = Norms(parts).FirstOrDefault(norm => name.StartsWith(norm + ".", StringComparison.Ordinal));
        return path is null ? name : $"{path}.{Copies}{name[path.Length..]}";
    }

    public override AdapterConfig Configure(PeftConfig config, TensorFile file, nn.Module root)
    {
        var layers = Layers(config, file, root);
        if (layers.Find(node => !NormTuningConfig.IsNorm(node.Module)) is { } other) throw new LoraException($"'{other.Path}' is trained as a norm there, but is of type {other.Module.GetType().Name} here.");
        var tree = ModuleTree.Read(root);
        var all = tree.Where(node => NormTuningConfig.IsNorm(node.Module)).Select(node => node.Path).ToList();
        var saved = tree.Where(node => config.Saves(ModulePath.Plain(node.Path))).Select(node => node.Path).ToList();
        return new NormTuningConfig
        {
            Within = layers.Select(node => node.Path).Order().SequenceEqual(all.Except(saved).Order()) && !all.Intersect(saved).Any() ? [] : [.. layers.Select(node => node.Path)],
            Trainable = [.. saved.Where(path => !saved.Any(outer => outer != path && ModulePath.IsWithin(path, outer)))],
        };
    }

    /// <summary>The norms that the method trains; one that the configuration names is a module trained in full like any other.</summary>
    private static IEnumerable<string> Norms(AdapterParts parts)
    {
        var named = ModuleTree.Read(parts.Root).Where(node => parts.Config.Trainable.Any(name => ModulePath.Matches(name, node.Path))).Select(node => node.Path).ToList();
        return ModuleTree.Read(parts.Root).Where(node => NormTuningConfig.IsNorm(node.Module) && parts.Selection.TrainedModules.Contains(node.Path) && !named.Any(path => ModulePath.IsWithin(node.Path, path)))
            .Select(node => ModulePath.Plain(node.Path)).Distinct();
    }
}

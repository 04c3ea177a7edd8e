using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using MedPeft.Lora.Checkpoints.Adapters;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Injection.Peft;

/// <summary>Says in PEFT's terms which layers are adapted and which modules are trained in full: the shortest way that PEFT reads as meant.</summary>
/// <remarks>PEFT matches names by rules of its own (ends of names, regular expressions), so each way is tried by those rules on the model at hand.</remarks>
internal sealed class PeftTargets
{
    private readonly AdapterParts _parts;
    private readonly IReadOnlyList<(string Path, nn.Module Module)> _modules, _places;
    private readonly HashSet<string> _adapted;

    public PeftTargets(AdapterParts parts)
    {
        _parts = parts;
        _places = Modules(parts.Root);
        _modules = [.. _places.DistinctBy(node => node.Module, ReferenceEqualityComparer.Instance)];
        _adapted = [.. parts.Layers.Select(layer => ModulePath.Plain(layer.Path))];
    }

    /// <summary>All modules below a root under the names that Python would know them by, adapted layers as what they were.</summary>
    public static IReadOnlyList<(string Path, nn.Module Module)> Modules(nn.Module root) =>
        [.. ModuleTree.Read(root).Select(node => (ModulePath.Plain(node.Path), node.Module is AdapterLayer adapter ? adapter.Base : node.Module))];

    /// <summary>True if PEFT would train more modules in full than we do.</summary>
    public string? TrainedTooMuch => TrainedAsMeant(Saved()) ? null
        : $"PEFT trains each module in full whose name ends in one of [{string.Join(", ", Saved().Select(name => $"\"{name}\""))}], and this model has others of such names.";

    /// <summary>The fields <c>target_modules</c>, <c>exclude_modules</c> (where needed) and <c>modules_to_save</c>.</summary>
    public void AddTo(JsonObject fields)
    {
        var saved = Saved();
        fields["modules_to_save"] = saved.Count == 0 ? null : List(saved);
        foreach (var (targets, exclude) in Ways())
        {
            fields["target_modules"] = targets;
            fields.Remove("exclude_modules");
            if (exclude is not null) fields["exclude_modules"] = exclude;
            if (Reads(fields)) return;
        }
        throw new System.Diagnostics.UnreachableException("The whole names of layers always match.");
    }

    private IEnumerable<(JsonNode Targets, JsonNode? Exclude)> Ways()
    {
        var config = _parts.Config;
        if (config is { AllLinear: false, Within.Count: 0 })
        {
            JsonNode? exclude = config.Exclude.Count == 0 ? null : List(config.Exclude.Order(StringComparer.Ordinal));
            yield return (config.TargetPattern is { } pattern ? JsonValue.Create(pattern) : List(config.Targets.Distinct().Order(StringComparer.Ordinal)), exclude);
        }
        yield return (List(_adapted.Select(Shortest).Distinct().Order(StringComparer.Ordinal)), null);
        yield return (JsonValue.Create(string.Join('|', _adapted.Order(StringComparer.Ordinal).Select(Regex.Escape))), null);
    }

    /// <summary>The shortest end of a name, from a dot on, that no other module has.</summary>
    private string Shortest(string path)
    {
        var others = _modules.Select(node => node.Path).Where(other => !_adapted.Contains(other)).ToList();
        for (var start = path.Length; ;)
        {
            start = start <= 1 ? -1 : path.LastIndexOf('.', start - 1);
            var end = path[(start + 1)..];
            if (start < 0 || !others.Any(other => ModulePath.Matches(end, other))) return end;
        }
    }

    private bool Reads(JsonObject fields)
    {
        var tried = (JsonObject)fields.DeepClone();
        tried["peft_type"] ??= "LORA"; // the rules of names are the same for all methods
        var rules = PeftConfig.Of(tried);
        return _modules.Where(node => rules.Targets(node.Path, node.Module is Linear)).Select(node => node.Path).ToHashSet().SetEquals(_adapted);
    }

    private List<string> Saved()
    {
        var trained = _parts.Selection.TrainedModules.Select(ModulePath.Plain).ToList();
        var asNamed = _parts.Config.Trainable.Where(name => _places.Any(node => ModulePath.Matches(name, node.Path))).ToList();
        return TrainedAsMeant(asNamed) ? asNamed : trained;
    }

    private bool TrainedAsMeant(List<string> names)
    {
        var trained = _parts.Selection.TrainedModules.Select(ModulePath.Plain).ToList();
        var theirs = _places.Select(node => node.Path).Where(path => names.Any(name => path.EndsWith(name, StringComparison.Ordinal))).ToList();
        // A module without parameters may be trained in full at will.
        return _places.Where(node => node.Module.parameters().Any() || node.Module.buffers().Any())
            .All(node => trained.Any(path => ModulePath.IsWithin(node.Path, path)) == theirs.Any(path => ModulePath.IsWithin(node.Path, path)));
    }

    private static JsonArray List(IEnumerable<string> names) => new([.. names.Select(name => (JsonNode?)name)]);
}

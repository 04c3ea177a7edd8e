using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Checkpoints.Adapters;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Injection.Peft;

/// <summary>What the forms of PEFT's methods beside LoRA have in common: a file with one tensor of a known name for each adapted layer, and the fields that every method has.</summary>
internal abstract class MethodForm(string peftType) : PeftForm
{
    private static readonly string[] Common =
    [
        "auto_mapping", "base_model_name_or_path", "bias", "exclude_modules", "fan_in_fan_out", "inference_mode", "layers_pattern", "layers_to_transform", "modules_to_save", "peft_type",
        "peft_version", "revision", "runtime_config", "target_modules", "task_type",
    ];

    public sealed override string PeftType => peftType;

    /// <summary>The end of the name of a tensor that every adapted layer has in a file.</summary>
    protected abstract string Mark { get; }

    /// <summary>Fields of the method that are read or mean nothing for what an adapter computes.</summary>
    protected abstract IReadOnlyList<string> Heard { get; }

    private protected override IEnumerable<string> OfMethod(AdapterParts parts) => parts.Config.Bias == LoraBias.None ? [] : ["PEFT trains no biases beside this method."];

    public override IEnumerable<string> Differences(PeftConfig config, AdapterParts parts) =>
        config.PeftType.EndsWith(PeftType, StringComparison.Ordinal) ? [] : [$"{AdapterFolder.Config} has peft_type {Quoted.Text(config.PeftType)}, which is not {PeftType}"];

    /// <summary>The fields that every method has.</summary>
    protected JsonObject CommonFields(AdapterParts parts) => new()
    {
        ["auto_mapping"] = AutoMapping(parts.Root), ["base_model_name_or_path"] = null, ["inference_mode"] = true, ["peft_type"] = PeftType, ["revision"] = null, ["task_type"] = null,
    };

    /// <summary>The layers of a folder that PEFT has made: those that its weights have tensors for, and its configuration must mean the same.</summary>
    protected List<ModuleNode> Layers(PeftConfig config, TensorFile file, nn.Module root)
    {
        if (config.Fields.FirstOrDefault(field => !Common.Contains(field.Key) && !Heard.Contains(field.Key) && !config.Silent(field.Key)).Key is { } unknown)
            throw config.Fault(Quoted.Bare(unknown), "is set and not known here; what PEFT makes of it would be left out. Save the adapter by a version of PEFT that does not need it.");
        if (config.Bias != "none") throw config.Fault("bias", $"is {Quoted.Text(config.Bias)}, which is not built here for {PeftType}. Train the adapter with none.");
        var prefix = AdapterStore.Prefix(file);
        var inFile = file.Tensors.Keys.Where(key => key.StartsWith(prefix, StringComparison.Ordinal) && key.EndsWith(Mark, StringComparison.Ordinal)).Select(key => key[prefix.Length..^Mark.Length]).ToHashSet(StringComparer.Ordinal);
        if (inFile.Count == 0) throw new CheckpointException(file.Path, $"the file has no {Mark[1..]}. It is not the adapter that its adapter_config.json describes: fetch it again.");
        var modules = ModuleTree.Read(root).DistinctBy(node => node.Module, ReferenceEqualityComparer.Instance).ToList();
        var layers = modules.Where(node => inFile.Contains(ModulePath.Plain(node.Path))).ToList();
        if (inFile.Except(layers.Select(node => ModulePath.Plain(node.Path))).ToList() is { Count: > 0 } foreign)
            throw new LoraException($"The weights adapt {Names.Some(foreign)}, which this model does not have. Modules here: {Names.Nearest(foreign, [.. modules.Select(node => node.Path)])}.");
        if (layers.Find(node => node.Module is AdapterLayer) is { } adapted) throw new LoraException($"'{adapted.Path}' is adapted already. Remove its adapter first.");
        if (config.NamesTargets && modules.Where(node => config.Targets(ModulePath.Plain(node.Path), node.Module is Linear)).Select(node => ModulePath.Plain(node.Path)).Except(inFile).ToList() is { Count: > 0 } missing)
            throw new LoraException($"adapter_config.json adapts {Names.Some(missing)}, for which the weights have nothing. Is this the model that the adapter was trained on?");
        return layers;
    }

    /// <summary>A configuration for these layers: by the names of the folder where they mean the same here, else by whole names.</summary>
    protected static T Named<T>(T common, PeftConfig config, nn.Module root, List<ModuleNode> layers) where T : AdapterConfig
    {
        var tree = ModuleTree.Read(root);
        var found = tree.Where(node => config.Saves(ModulePath.Plain(node.Path))).Select(node => node.Path).ToList();
        var exact = common with
        {
            TargetPattern = string.Join('|', layers.Select(node => Regex.Escape(node.Path))),
            Trainable = [.. found.Where(path => !found.Any(outer => outer != path && ModulePath.IsWithin(path, outer)))],
        };
        if (config.TargetNames.Count == 0) return exact;
        var brief = exact with
        {
            TargetPattern = null, Targets = [.. config.TargetNames.Order(StringComparer.Ordinal)],
            Trainable = config.ModulesToSave.All(name => tree.Any(node => ModulePath.Matches(name, node.Path))) ? [.. config.ModulesToSave] : exact.Trainable,
        };
        try
        {
            var (selection, wanted) = (Selection.Of(root, tree, brief), Selection.Of(root, tree, exact));
            return selection.Layers.Select(layer => layer.Path).SequenceEqual(wanted.Layers.Select(layer => layer.Path)) && root.state_dict().Keys.All(name => selection.IsTrained(name) == wanted.IsTrained(name))
                ? brief : exact;
        }
        catch (LoraException)
        {
            return exact;
        }
    }
}

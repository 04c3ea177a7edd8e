using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Checkpoints.Adapters;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Injection.Peft;

/// <summary>PEFT's <c>LORA</c>, with rsLoRA and DoRA.</summary>
internal sealed class LoraForm : PeftForm
{
    private const string Rank = "r", Alpha = "lora_alpha", RankPattern = "rank_pattern", AlphaPattern = "alpha_pattern", Stabilized = "use_rslora", WithDora = "use_dora";

    public override string PeftType => "LORA";

    public override bool Holds(AdapterConfig config) => config is LoraConfig;

    public override IReadOnlyList<(string Name, long[] Shape)> Entries(AdapterLayer layer) => LoraLayout.Of(layer).Entries();

    public override IReadOnlyList<Tensor> Write(AdapterLayer layer) => LoraLayout.Of(layer).Write();

    public override IReadOnlyList<Tensor> Read(string path, AdapterLayer layer, IReadOnlyList<Tensor> stored) => LoraLayout.Of(layer).Read(path, stored);

    public override AdapterConfig Configure(PeftConfig config, TensorFile file, nn.Module root) => new LoraImport(config, file, root).Config();

    private protected override IEnumerable<string> OfMethod(AdapterParts parts)
    {
        foreach (var (path, adapter) in parts.Layers)
        {
            if (adapter.Base is not Conv2d convolution) continue;
            if (convolution.dilation.Any(step => step != 1)) yield return $"'{path}' is dilated, and PEFT leaves the dilation out of the update.";
            if (convolution.padding_mode != PaddingModes.Zeros) yield return $"'{path}' pads by {convolution.padding_mode}, and PEFT pads the update's input with zeros.";
            if (convolution.groups > 1 && ((LoraConfig)parts.Config).Dora) yield return $"'{path}' has {convolution.groups} groups, and PEFT has no DoRA for those.";
        }
        if (new PeftTargets(parts).TrainedTooMuch is { } reason) yield return reason;
    }

    public override JsonObject Fields(AdapterParts parts)
    {
        var config = (LoraConfig)parts.Config;
        var layers = InPeft(parts.Selection);
        // The commonest rank and alpha need no pattern; those that the configuration names come first.
        var factor = layers.Select(layer => LoraLayout.Factor(layer.Module, layer.Config)).GroupBy(value => value).MaxBy(group => group.Count())!.Key;
        var (rank, alpha) = (config.Rank * factor, layers.First(layer => LoraLayout.Factor(layer.Module, layer.Config) == factor) is var one
            ? LoraLayout.InPeft(one.Module, one.Config with { Rank = config.Rank, Alpha = config.Alpha }).Alpha : 0);
        var fields = new JsonObject
        {
            ["auto_mapping"] = AutoMapping(parts.Root),
            ["base_model_name_or_path"] = null,
            ["bias"] = config.Bias switch { LoraBias.Adapted => "lora_only", LoraBias.All => "all", _ => "none" },
            ["fan_in_fan_out"] = false,
            ["inference_mode"] = true,
            ["init_lora_weights"] = true,
            ["layers_pattern"] = null,
            ["layers_to_transform"] = null,
            [Alpha] = PythonJson.Number(alpha),
            ["lora_dropout"] = PythonJson.Float(config.Dropout),
            ["peft_type"] = PeftType,
            [Rank] = rank,
            ["revision"] = null,
            ["task_type"] = null,
            [Stabilized] = config.RankStabilized,
        };
        if (config.Dora) fields[WithDora] = true;
        new PeftTargets(parts).AddTo(fields);
        fields[RankPattern] = Pattern(RankPattern, rank, [.. layers.Select(layer => (layer.Path, (double)layer.Rank))], config.RankPattern.Select(entry => KeyValuePair.Create(entry.Key, (double)entry.Value * factor)));
        fields[AlphaPattern] = Pattern(AlphaPattern, alpha, [.. layers.Select(layer => (layer.Path, layer.Alpha))], config.AlphaPattern.Select(entry => KeyValuePair.Create(entry.Key, entry.Value * alpha / config.Alpha)));
        return fields;
    }

    public override IEnumerable<string> Differences(PeftConfig config, AdapterParts parts)
    {
        if (!config.PeftType.EndsWith(PeftType, StringComparison.Ordinal)) return [$"{AdapterFolder.Config} has peft_type {Quoted.Text(config.PeftType)}, which is not {PeftType}"];
        return InPeft(parts.Selection).SelectMany(layer => new[]
        {
            Difference(layer.Path, Rank, config.Of(RankPattern, layer.Path, config.Number(Rank, 8)), layer.Rank),
            Difference(layer.Path, Alpha, config.Of(AlphaPattern, layer.Path, config.Number(Alpha, 8)), layer.Alpha),
            Difference(layer.Path, Stabilized, config.Flag(Stabilized), layer.Config.RankStabilized),
            Difference(layer.Path, WithDora, config.Flag(WithDora), layer.Config.Dora),
        }).OfType<string>();

        static string? Difference<T>(string path, string what, T there, T here) => Equals(there, here) ? null
            : string.Create(CultureInfo.InvariantCulture, $"{path} has {what} {there} in {AdapterFolder.Config} and {here} here");
    }

    private static List<(string Path, nn.Module Module, LoraConfig Config, int Rank, double Alpha)> InPeft(Selection selection) =>
        [.. selection.Layers.Select(layer => (LoraConfig)layer.Config is var config && LoraLayout.InPeft(layer.Layer, config) is var (rank, alpha)
            ? (ModulePath.Plain(layer.Path), layer.Layer, config, rank, alpha) : default)];

    /// <summary>Values of single layers: as the configuration names them, else by whole names, else anchored, whatever PEFT reads as meant.</summary>
    private static JsonObject Pattern(string field, double usual, List<(string Path, double Value)> wanted, IEnumerable<KeyValuePair<string, double>> asNamed)
    {
        var single = wanted.Where(layer => layer.Value != usual).ToList();
        var named = new JsonObject(asNamed.Select(entry => KeyValuePair.Create(entry.Key, (JsonNode?)PythonJson.Number(entry.Value))));
        var whole = new JsonObject(single.Select(layer => KeyValuePair.Create(layer.Path, (JsonNode?)PythonJson.Number(layer.Value))));
        var anchored = new JsonObject(single.Select(layer => KeyValuePair.Create($"^{Regex.Escape(layer.Path)}", (JsonNode?)PythonJson.Number(layer.Value))));
        return new[] { named, whole, anchored }.First(pattern =>
        {
            // Saved in the order of names, and the first that matches counts.
            var sorted = new JsonObject(pattern.OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => KeyValuePair.Create(entry.Key, entry.Value?.DeepClone())));
            var rules = PeftConfig.Of(new JsonObject { ["peft_type"] = "LORA", [field] = sorted });
            return pattern == anchored || wanted.All(layer => rules.Of(field, layer.Path, usual) == layer.Value);
        });
    }
}

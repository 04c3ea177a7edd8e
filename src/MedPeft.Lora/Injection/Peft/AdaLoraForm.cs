using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Checkpoints.Adapters;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Injection.Peft;

/// <summary>PEFT's <c>ADALORA</c>. Directions that have been cut are written as they are, with zeros in E; PEFT leaves them out, and they come back as zeros.</summary>
/// <param name="kept">Which directions of each layer a folder has; null where it has all.</param>
internal sealed class AdaLoraForm(IReadOnlyDictionary<AdapterLayer, bool[]>? kept = null) : MethodForm("ADALORA")
{
    private const string Pattern = "rank_pattern";

    protected override string Mark => ".lora_E";

    protected override IReadOnlyList<string> Heard =>
        ["beta1", "beta2", "deltaT", "init_lora_weights", "init_r", "lora_alpha", "lora_dropout", "loftq_config", "megatron_core", "orth_reg_weight", "r", Pattern, "target_r", "tfinal", "tinit", "total_step"];

    public override bool Holds(AdapterConfig config) => config is AdaLoraConfig;

    public override JsonObject Fields(AdapterParts parts)
    {
        var config = (AdaLoraConfig)parts.Config;
        var fields = CommonFields(parts);
        new PeftTargets(parts).AddTo(fields);
        foreach (var (name, value) in new (string, JsonNode?)[]
        {
            ("bias", "none"), ("fan_in_fan_out", false), ("init_lora_weights", true), ("lora_alpha", PythonJson.Number(config.Alpha)), ("lora_dropout", PythonJson.Float(config.Dropout)),
            ("init_r", config.InitialRank), ("target_r", config.TargetRank), ("tinit", config.WarmupSteps), ("tfinal", config.FinalSteps), ("deltaT", config.Interval),
            ("beta1", PythonJson.Float(config.ImportanceSmoothing)), ("beta2", PythonJson.Float(config.UncertaintySmoothing)), ("orth_reg_weight", PythonJson.Float(config.Orthogonality)),
            ("total_step", config.WarmupSteps + config.FinalSteps + 1), // PEFT opens nothing without one; how long a further training is, that training knows
            (Pattern, null),
        }) fields[name] = value;
        return fields;
    }

    public override IEnumerable<string> Differences(PeftConfig config, AdapterParts parts)
    {
        var here = (AdaLoraConfig)parts.Config;
        return base.Differences(config, parts).Concat(new[] { ("init_r", config.Number("init_r", 12), here.InitialRank), ("lora_alpha", config.Number("lora_alpha", 8), here.Alpha) }
            .Where(entry => entry.Item2 != entry.Item3).Select(entry => string.Create(CultureInfo.InvariantCulture, $"{AdapterFolder.Config} has {entry.Item1} {entry.Item2} and this adapter {entry.Item3}")));
    }

    public override PeftForm For(PeftConfig config, AdapterParts parts)
    {
        if (config.Fields[Pattern] is not JsonObject { Count: > 0 } pattern) return this;
        var masks = new Dictionary<AdapterLayer, bool[]>();
        foreach (var (path, layer) in parts.Layers)
        {
            if ((pattern[$"{ModulePath.Plain(path)}.lora_E"] ?? pattern[$"{ModulePath.Plain(path)}.lora_E.default"]) is not JsonArray values) continue;
            if (values.Count != ((AdaLoraConfig)parts.Config).InitialRank || !values.All(value => value is JsonValue flag && flag.GetValueKind() is JsonValueKind.True or JsonValueKind.False))
                throw config.Fault(Pattern, $"has for {path} no list of {((AdaLoraConfig)parts.Config).InitialRank} times true or false, one for each direction.");
            masks[layer] = [.. values.Select(value => value!.GetValue<bool>())];
        }
        return new AdaLoraForm(masks);
    }

    public override IReadOnlyList<(string Name, long[] Shape)> Entries(AdapterLayer layer)
    {
        if (kept is null || !kept.TryGetValue(layer, out var mask)) return base.Entries(layer);
        long rank = mask.Count(value => value);
        return [("lora_A", [rank, ((AdaLoraLinear)layer).A.shape[1]]), ("lora_B", [((AdaLoraLinear)layer).B.shape[0], rank]), ("lora_E", [rank, 1])];
    }

    public override IReadOnlyList<Tensor> Read(string path, AdapterLayer layer, IReadOnlyList<Tensor> stored)
    {
        if (kept is null || !kept.TryGetValue(layer, out var mask)) return base.Read(path, layer, stored);
        using var none = no_grad();
        using var rows = tensor(Enumerable.Range(0, mask.Length).Where(direction => mask[direction]).Select(direction => (long)direction).ToArray());
        return [.. layer.Adapter.Zip(stored, (entry, value) =>
        {
            var whole = zeros(entry.Value.shape, value.dtype);
            whole.index_copy_(entry.Name == "lora_B" ? 1 : 0, rows, value);
            return whole;
        })];
    }

    public override AdapterConfig Configure(PeftConfig config, TensorFile file, nn.Module root)
    {
        int Whole(string field, int otherwise) => config.Number(field, otherwise) is var value && value == Math.Floor(value) && value is >= 0 and <= int.MaxValue
            ? (int)value : throw config.Fault(field, "is no whole number of at least 0.");
        var layers = Layers(config, file, root);
        if (layers.Find(node => node.Module is not Linear) is { } other) throw new LoraException($"'{other.Path}' is adapted there, but is of type {other.Module.GetType().Name}; AdaLoRA is built for Linear here.");
        return Named(new AdaLoraConfig
        {
            InitialRank = Whole("init_r", 12), TargetRank = Whole("target_r", 8), Alpha = config.Number("lora_alpha", 8), Dropout = config.Number("lora_dropout", 0), WarmupSteps = Whole("tinit", 0),
            FinalSteps = Whole("tfinal", 0), Interval = Whole("deltaT", 1), ImportanceSmoothing = config.Number("beta1", .85), UncertaintySmoothing = config.Number("beta2", .85),
            Orthogonality = config.Number("orth_reg_weight", .5),
        }, config, root, layers);
    }
}

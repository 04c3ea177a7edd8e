using System.Text.Json.Nodes;
using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Checkpoints.Adapters;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Injection.Peft;

/// <summary>PEFT's <c>VERA</c>. The shared factors are in the file as well, so that it means the same wherever they would be drawn otherwise.</summary>
internal sealed class VeraForm() : MethodForm("VERA")
{
    private const string A = "vera_A", B = "vera_B", Key = "projection_prng_key";

    protected override string Mark => "." + VeraLinear.NameB;

    protected override IReadOnlyList<string> Heard => ["d_initial", "init_weights", Key, "r", "save_projection", "vera_dropout"];

    public override bool Holds(AdapterConfig config) => config is VeraConfig;

    public override JsonObject Fields(AdapterParts parts)
    {
        var config = (VeraConfig)parts.Config;
        var fields = CommonFields(parts);
        new PeftTargets(parts).AddTo(fields);
        foreach (var (name, value) in new (string, JsonNode?)[]
        {
            ("bias", "none"), ("fan_in_fan_out", false), ("r", config.Rank), (Key, config.Seed), ("save_projection", true), ("vera_dropout", PythonJson.Float(config.Dropout)),
            ("d_initial", PythonJson.Float(config.InitialD)), ("init_weights", true), ("layers_to_transform", null), ("layers_pattern", null),
        }) fields[name] = value;
        return fields;
    }

    public override IEnumerable<string> Differences(PeftConfig config, AdapterParts parts) => base.Differences(config, parts).Concat(
        config.Number("r", 256) != ((VeraConfig)parts.Config).Rank ? [$"{AdapterFolder.Config} has r {config.Number("r", 256)} and this adapter Rank {((VeraConfig)parts.Config).Rank}"]
        : !config.Flag("save_projection") && config.Number(Key, 0) != ((VeraConfig)parts.Config).Seed ? [$"{AdapterFolder.Config} draws the shared factors from {Key} {config.Number(Key, 0)} and this adapter from Seed {((VeraConfig)parts.Config).Seed}"]
        : []);

    public override IEnumerable<(string Key, Tensor Value)> Shared(AdapterParts parts, string prefix)
    {
        if (parts.Layers.Count == 0) return [];
        var (a, b) = ((VeraLinear)parts.Layers[0].Layer).Shared.Whole;
        var outer = prefix.Length == 0 ? "" : "base_model.";
        return [(outer + A, a), (outer + B, b)];
    }

    public override void Loaded(AdapterParts parts)
    {
        if (parts.Layers.Count > 0) ((VeraLinear)parts.Layers[0].Layer).Shared.Changed();
    }

    public override AdapterConfig Configure(PeftConfig config, TensorFile file, nn.Module root)
    {
        var layers = Layers(config, file, root);
        if (layers.Find(node => node.Module is not Linear) is { } other) throw new LoraException($"'{other.Path}' is adapted there, but is of type {other.Module.GetType().Name}; VeRA is built for Linear here.");
        if (config.Number("r", 256) is var rank && (rank != Math.Floor(rank) || rank is < 1 or > 1 << 24)) throw config.Fault("r", "is no whole number of at least 1.");
        if (config.Number(Key, 0) is var key && (key != Math.Floor(key) || key is < 0 or > ulong.MaxValue)) throw config.Fault(Key, "is no whole number of at least 0.");
        var start = config.Number("d_initial", .1);
        return Named(new VeraConfig { Rank = (int)rank, Seed = (ulong)key, InitialD = start == 0 ? .1 : start, Dropout = config.Number("vera_dropout", 0) }, config, root, layers);
    }
}

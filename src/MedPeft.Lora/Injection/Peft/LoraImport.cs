using System.Text.RegularExpressions;
using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Checkpoints.Adapters;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Injection.Peft;

/// <summary>Works out, from a folder that PEFT has made and the model, the configuration that makes the same adapters here.</summary>
internal sealed class LoraImport
{
    private static readonly string[] FactorNames = [".lora_A.weight", ".lora_embedding_A"];
    private static readonly string[] PlainStarts = ["true", "false", "gaussian", "eva", "orthogonal"];

    // Fields that change what an adapter computes or how it goes on training, in ways that are not built here; the reason where the name does not say it.
    private static readonly (string Field, string Reason)[] Unheld =
    [
        ("alora_invocation_tokens", "activates the adapter after given tokens of a text"),
        ("arrow_config", "routes between several adapters"),
        ("kasa_config", "changes the weights of the base"),
        ("layer_replication", "builds a deeper model out of the base"),
        ("lora_bias", "trains a bias of the update"),
        ("megatron_config", "splits layers between machines"),
        ("monteclora_config", "draws the factors at random"),
        ("use_qalora", "pools the input of the update"),
        ("target_parameters", "adapts parameters that belong to no layer"),
        ("trainable_token_indices", "trains single rows of an embedding"),
        ("use_bdlora", "has factors of diagonal blocks"),
        ("velora_config", "compresses what the backward pass keeps"),
        ("ensure_weight_tying", "adapts layers that share weights as one"),
    ];

    private static readonly HashSet<string> Heard =
    [
        "alpha_pattern", "auto_mapping", "base_model_name_or_path", "bias", "corda_config", "eva_config", "exclude_modules", "fan_in_fan_out", "inference_mode", "init_lora_weights",
        "layers_pattern", "layers_to_transform", "loftq_config", "lora_alpha", "lora_dropout", "lora_ga_config", "megatron_core", "modules_to_save", "peft_type", "peft_version",
        "qalora_group_size", "r", "rank_pattern", "revision", "runtime_config", "target_modules", "task_type", "use_dora", "use_rslora",
    ];

    private readonly PeftConfig _peft;
    private readonly TensorFile _file;
    private readonly nn.Module _root;
    private readonly IReadOnlyList<ModuleNode> _tree;
    private readonly List<ModuleNode> _layers;
    private readonly IReadOnlyList<LoraBlock>? _blocks;

    public LoraImport(PeftConfig peft, TensorFile file, nn.Module root)
    {
        (_peft, _file, _root, _tree) = (peft, file, root, ModuleTree.Read(root));
        RefuseUnheld();
        _layers = Layers();
        _blocks = peft.Flag("use_dora") ? null : Blocks();
    }

    /// <summary>The configuration: in the names of the folder where they mean the same here, else layer by layer.</summary>
    public LoraConfig Config()
    {
        var parts = _blocks?.Count ?? 1;
        var (rank, alpha) = (Share(_peft.Number("r", 8), parts), _peft.Number("lora_alpha", 8));
        var common = new LoraConfig
        {
            Rank = rank, Alpha = AlphaShare(alpha, parts), Dropout = _peft.Number("lora_dropout", 0), RankStabilized = _peft.Flag("use_rslora"), Dora = _peft.Flag("use_dora"), Blocks = _blocks,
            Bias = _peft.Bias switch { "none" => LoraBias.None, "lora_only" => LoraBias.Adapted, "all" => LoraBias.All, _ => throw _peft.Fault("bias", $"is {Quoted.Text(_peft.Bias)}, which is none of none, all and lora_only.") },
        };
        var settings = _layers.ToDictionary(node => node.Path, node => Of(node, common));
        var exact = common with
        {
            TargetPattern = string.Join('|', _layers.Select(node => Regex.Escape(node.Path))),
            RankPattern = settings.Where(layer => layer.Value.Rank != common.Rank).ToDictionary(layer => layer.Key, layer => layer.Value.Rank),
            AlphaPattern = settings.Where(layer => layer.Value.Alpha != common.Alpha).ToDictionary(layer => layer.Key, layer => layer.Value.Alpha),
            Trainable = Trained(),
        };
        foreach (var way in Ways(exact))
            if (Means(way, exact, settings))
                return way;
        return exact;
    }

    private IEnumerable<LoraConfig> Ways(LoraConfig exact)
    {
        var trainable = _peft.ModulesToSave.Where(name => _tree.Any(node => ModulePath.Matches(name, node.Path))).Distinct().ToList();
        foreach (var named in new[] { exact with { Trainable = trainable }, exact })
        {
            if (!_peft.ChoosesLayers && (_peft.TargetNames.Count > 0 || _peft.TargetPattern is not null))
            {
                var exclude = (_peft.ExcludePattern is null
                    ? _peft.ExcludeNames.Where(name => _tree.Any(node => ModulePath.Matches(name, node.Path)))
                    : _tree.Where(node => LayerKinds.CanAdapt(node.Module) && !_layers.Contains(node) && _peft.TargetNames.Any(name => ModulePath.Matches(name, node.Path))).Select(node => node.Path))
                    .Order(StringComparer.Ordinal).ToList();
                var shown = _peft.TargetPattern is { } pattern ? named with { TargetPattern = pattern, Exclude = exclude }
                    : named with { TargetPattern = null, Targets = [.. _peft.TargetNames.Where(name => _layers.Any(node => ModulePath.Matches(name, node.Path))).Distinct().Order(StringComparer.Ordinal)], Exclude = exclude };
                yield return shown with { RankPattern = Names("rank_pattern", value => Share(value, _blocks?.Count ?? 1)), AlphaPattern = Names("alpha_pattern", value => AlphaShare(value, _blocks?.Count ?? 1)) };
                yield return shown;
            }
            if (_peft.AllLinear) yield return named with { TargetPattern = null, AllLinear = true };
            yield return named;
        }
    }

    private bool Means(LoraConfig way, LoraConfig exact, Dictionary<string, LoraConfig> settings)
    {
        try
        {
            var selection = Selection.Of(_root, _tree, way);
            var wanted = Selection.Of(_root, _tree, exact);
            return selection.Layers.Select(layer => layer.Path).SequenceEqual(_layers.Select(node => node.Path))
                && selection.Layers.All(layer => layer.Config is LoraConfig own && (own.Rank, own.Alpha) == (settings[layer.Path].Rank, settings[layer.Path].Alpha))
                && _root.state_dict().Keys.All(name => selection.IsTrained(name) == wanted.IsTrained(name));
        }
        catch (Exception error) when (error is LoraException or ArgumentException)
        {
            return false;
        }
    }

    private LoraConfig Of(ModuleNode node, LoraConfig common)
    {
        var path = ModulePath.Plain(node.Path);
        var factor = LoraLayout.Factor(node.Module, common);
        return common with
        {
            Rank = Share(_peft.Of("rank_pattern", path, _peft.Number("r", 8)), factor), Alpha = AlphaShare(_peft.Of("alpha_pattern", path, _peft.Number("lora_alpha", 8)), factor),
        };
    }

    private Dictionary<string, T> Names<T>(string field, Func<double, T> share) =>
        (_peft.Fields[field] as System.Text.Json.Nodes.JsonObject ?? []).Where(entry => _layers.Any(node => ModulePath.Matches(entry.Key, node.Path)))
            .ToDictionary(entry => entry.Key, entry => share(double.Parse(entry.Value!.ToJsonString(), System.Globalization.CultureInfo.InvariantCulture)));

    private int Share(double rank, int factor) => rank >= 1 && rank <= 1 << 24 && rank % factor == 0
        ? (int)rank / factor
        : throw _peft.Fault("r", $"or rank_pattern gives a rank of {rank}{(factor > 1 ? $", which is no multiple of {factor} groups" : "; it must be a whole number of at least 1")}.");

    // √2·α/√2 may be a bit off; then a shorter number that gives the same product is the one that was meant.
    private double AlphaShare(double alpha, int factor)
    {
        if (!(alpha > 0)) throw _peft.Fault("lora_alpha", $"or alpha_pattern gives an alpha of {alpha}; it must be a positive number.");
        var by = _peft.Flag("use_rslora") ? Math.Sqrt(factor) : factor;
        var rounded = Math.Round(alpha / by, 9);
        return rounded * by == alpha ? rounded : alpha / by;
    }

    private void RefuseUnheld()
    {
        foreach (var (field, reason) in Unheld)
            if (!_peft.Silent(field))
                throw _peft.Fault(field, $"is set: it {reason}, which is not built here. Train the adapter without it.");
        if (_peft.Fields.FirstOrDefault(field => !Heard.Contains(field.Key) && !_peft.Silent(field.Key)).Key is { } unknown)
            throw _peft.Fault(Quoted.Bare(unknown), "is set and not known here; what PEFT makes of it would be left out. Save the adapter by a version of PEFT that does not need it.");
        var start = _peft.Fields["init_lora_weights"]?.ToJsonString().Trim('"') ?? "true";
        if (!PlainStarts.Contains(start))
            throw _peft.Fault("init_lora_weights", $"is {Quoted.Text(start)}: PEFT changes the base or the update at the start by it. Save the adapter by PEFT with path_initial_model_for_weight_conversion, which makes a plain one of it.");
    }

    private List<ModuleNode> Layers()
    {
        var prefix = AdapterStore.Prefix(_file);
        var inFile = _file.Tensors.Keys.Where(key => key.StartsWith(prefix, StringComparison.Ordinal))
            .SelectMany(key => FactorNames.Where(end => key.EndsWith(end, StringComparison.Ordinal)).Select(end => key[prefix.Length..^end.Length])).ToHashSet(StringComparer.Ordinal);
        if (inFile.Count == 0) throw new CheckpointException(_file.Path, "the file has no lora_A. It is not the adapter that its adapter_config.json describes: fetch it again.");
        var modules = _tree.DistinctBy(node => node.Module, ReferenceEqualityComparer.Instance).ToList();
        var targeted = modules.Where(node => ModulePath.Plain(node.Path) is var path && (_peft.NamesTargets ? _peft.Targets(path, IsLinear(node.Module)) : inFile.Contains(path))).ToList();
        if (targeted.Count == 0) throw new LoraException($"adapter_config.json names no layer of this model in target_modules. The adapter's layers: {Names(inFile)}. Layers here: {Injection.Names.Nearest(inFile, [.. modules.Where(node => LayerKinds.CanAdapt(node.Module)).Select(node => node.Path)])}.");
        if (targeted.Find(node => node.Module is AdapterLayer) is { } adapted) throw new LoraException($"'{adapted.Path}' is adapted already. Remove its adapter first.");
        if (targeted.Find(node => !LayerKinds.CanAdapt(node.Module)) is { } other)
            throw new LoraException($"'{other.Path}' is among target_modules, but is of type {other.Module.GetType().Name}, {LayerKinds.Reason(other.Module, LayerKinds.All)}.");
        var paths = targeted.Select(node => ModulePath.Plain(node.Path)).ToHashSet(StringComparer.Ordinal);
        if (paths.Except(inFile).ToList() is { Count: > 0 } missing) throw new LoraException($"adapter_config.json adapts {Injection.Names.Some(missing)}, for which the weights have no factors. Is this the model that the adapter was trained on?");
        if (inFile.Except(paths).ToList() is { Count: > 0 } foreign) throw new LoraException($"The weights have factors for {Injection.Names.Some(foreign)}, which adapter_config.json does not adapt in this model. Is this the model that the adapter was trained on?");
        return targeted;

        static string Names(IReadOnlyCollection<string> names) => Injection.Names.Some(names);
        static bool IsLinear(nn.Module module) => module is Linear or AdapterLayer { Base: Linear };
    }

    private List<string> Trained()
    {
        var found = _tree.Where(node => _peft.Saves(ModulePath.Plain(node.Path))).Select(node => node.Path).ToList();
        return [.. found.Where(path => !found.Any(outer => outer != path && ModulePath.IsWithin(path, outer)))];
    }

    /// <summary>The blocks of a fused qkv whose update is the only one, in all layers; null where there is no such structure.</summary>
    private IReadOnlyList<LoraBlock>? Blocks()
    {
        if (!_layers.All(node => node.Module is Linear { weight.shape: var shape } && shape[0] == 3 * shape[1])) return null;
        var prefix = AdapterStore.Prefix(_file);
        var factors = new List<Tensor>();
        try
        {
            foreach (var node in _layers) factors.Add(_file.Read($"{prefix}{ModulePath.Plain(node.Path)}.lora_B.weight"));
            return BlockStructure.Of(factors);
        }
        finally
        {
            foreach (var factor in factors) factor.Dispose();
        }
    }
}

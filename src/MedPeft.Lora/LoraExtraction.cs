using System.Globalization;
using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Combination;
using MedPeft.Lora.Common;
using MedPeft.Lora.Injection;
using MedPeft.Lora.Injection.NativeLayers;
using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>Makes an adapter of the difference between a model and the same model fine-tuned in full.</summary>
/// <remarks>
/// The difference of each layer's weight, in float64, becomes the low-rank update that is closest to it, by the SVD. Modules of <see cref="AdapterConfig.Trainable"/>, and
/// biases as <see cref="AdapterConfig.Bias"/> says, are taken over as they are. What differs elsewhere is named in the report.
/// </remarks>
public static class LoraExtraction
{
    /// <summary>From two models.</summary>
    /// <param name="model">The model before fine-tuning; it receives the adapter.</param>
    /// <param name="tuned">The model afterwards; left as it is.</param>
    /// <param name="config">Which layers, blocks and modules. Its ranks count where <paramref name="energy"/> is null; its alphas do not, as the result has the scale 1.</param>
    /// <param name="energy">The share of the squared singular values that each layer is to keep, in (0, 1]; it gets the smallest rank that does. Null, the default, takes the ranks of <paramref name="config"/>.</param>
    /// <param name="name">Name of the adapter.</param>
    /// <returns>The adapter and how much of the difference it has.</returns>
    /// <exception cref="LoraException">The models differ in names or shapes, or nothing that is to be adapted differs; the model is then as it was.</exception>
    public static ExtractionReport FromDifference(nn.Module model, nn.Module tuned, LoraConfig config, double? energy = null, string name = AdapterSet.DefaultName)
    {
        ArgumentNullException.ThrowIfNull(tuned);
        if (ModuleTree.Read(tuned).FirstOrDefault(node => node.Module is AdapterLayer) is { } adapted)
            throw new LoraException($"'{adapted.Path}' of the tuned model is adapted. Merge its adapter by MergeAndRemove() first.");
        return Extract(model, tuned.state_dict(), config, energy, name);
    }

    /// <summary>From a model and a checkpoint of the tuned one under the model's names, .safetensors or PyTorch; read as data, nothing in it runs.</summary>
    /// <remarks>For a vision transformer in another layout (timm's, MAE's) load the file by <c>VisionTransformer.FromCheckpoint</c> and take the overload for models.</remarks>
    /// <param name="model">The model before fine-tuning; it receives the adapter.</param>
    /// <param name="tunedPath">The checkpoint after fine-tuning.</param>
    /// <param name="config">As there.</param>
    /// <param name="energy">As there.</param>
    /// <param name="name">Name of the adapter.</param>
    /// <returns>The adapter and how much of the difference it has.</returns>
    /// <exception cref="LoraException">As there.</exception>
    /// <exception cref="CheckpointException">The file is missing or damaged.</exception>
    public static ExtractionReport FromDifference(nn.Module model, string tunedPath, LoraConfig config, double? energy = null, string name = AdapterSet.DefaultName)
    {
        ArgumentException.ThrowIfNullOrEmpty(tunedPath);
        using var scope = NewDisposeScope();
        using var file = Checkpoint.Open(tunedPath);
        return Extract(model, file.Tensors.Keys.ToDictionary(key => key, file.Read), config, energy, name);
    }

    /// <summary>From two checkpoints that a model has the shape of: the first is loaded into it, the difference to the second becomes its adapter.</summary>
    /// <param name="model">The model; it gets the weights of the first file, and the adapter.</param>
    /// <param name="basePath">The checkpoint before fine-tuning, under the model's names.</param>
    /// <param name="tunedPath">The one afterwards.</param>
    /// <param name="config">As there.</param>
    /// <param name="energy">As there.</param>
    /// <param name="name">Name of the adapter.</param>
    /// <returns>The adapter and how much of the difference it has.</returns>
    /// <exception cref="LoraException">As there, or the first file does not fit the model.</exception>
    /// <exception cref="CheckpointException">A file is missing or damaged.</exception>
    public static ExtractionReport FromDifference(nn.Module model, string basePath, string tunedPath, LoraConfig config, double? energy = null, string name = AdapterSet.DefaultName)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentException.ThrowIfNullOrEmpty(basePath);
        ArgumentException.ThrowIfNullOrEmpty(tunedPath);
        if (model.Adapters().Names.Count > 0) throw new LoraException("The model has adapters, which stand on the weights that it has. Load the first checkpoint into a plain model.");
        using (var scope = NewDisposeScope())
        using (var none = no_grad())
        using (var file = Checkpoint.Open(basePath))
        {
            var state = model.state_dict();
            var values = file.Tensors.Keys.ToDictionary(key => key, file.Read);
            DemandFits(state.Select(entry => (entry.Key, entry.Value)), values, Path.GetFileName(basePath));
            foreach (var (key, value) in state) value.copy_(values[ModulePath.Plain(key)]);
        }
        return FromDifference(model, tunedPath, config, energy, name);
    }

    private static ExtractionReport Extract(nn.Module model, IReadOnlyDictionary<string, Tensor> tuned, LoraConfig config, double? energy, string name)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(config);
        if (energy is not (null or (> 0 and <= 1))) throw new ArgumentOutOfRangeException(nameof(energy), string.Create(CultureInfo.InvariantCulture, $"energy is {energy}; it is a share in (0, 1]."));
        if (config.Dora || config.Initialization != LoraInitialization.KaimingUniform)
            throw new LoraException("An extracted adapter is plain LoRA: leave Dora and Initialization out of the configuration.");
        var set = model.Adapters();
        var plain = set.StateOf(OwnValues.Plain);
        var own = tuned.ToDictionary(entry => ModulePath.Plain(entry.Key), entry => entry.Value);
        DemandFits(plain, own, "The tuned model");

        var selection = Selection.Of(model, ModuleTree.Read(model), energy is null ? config : config with { Rank = 1, RankPattern = new Dictionary<string, int>() }, name);
        using var none = no_grad();
        using var deltas = NewDisposeScope();
        var weights = plain.ToDictionary(entry => entry.Name, entry => entry.Value);
        var names = selection.Layers.ToDictionary(layer => layer.Path, layer => NativePart.ParameterName(layer.Path, layer.Layer, "weight"));
        var differences = selection.Layers.ToDictionary(layer => layer.Path, layer => Difference(weights[names[layer.Path]], own[ModulePath.Plain(names[layer.Path])]));
        var ranks = selection.Layers.ToDictionary(layer => layer.Path, layer => energy is { } share
            ? LowRank.RankFor(Matrices(layer.Layer, config, differences[layer.Path]), share)
            : ((LoraConfig)layer.Config).Rank);
        var result = Injector.Inject(model, config with { RankPattern = ranks, AlphaPattern = ranks.ToDictionary(rank => rank.Key, rank => (double)rank.Value), RankStabilized = false }, name);
        try
        {
            var layers = new List<FactoredLayer>();
            foreach (var (path, difference) in differences)
            {
                var layer = result.Layer<LoraLayer>(path);
                var (a, b, kept) = LowRank.Factor(layer.Grouped(difference), layer.Rank);
                layer.Set(a, b);
                layers.Add(new FactoredLayer(path, layer.Rank, All(difference) == 0 ? 1 : kept * All(layer.Grouped(difference)) / All(difference)));
            }
            var values = set.StateOf(name).ToDictionary(entry => entry.Name, entry => entry.Value);
            foreach (var (key, value) in values.Where(entry => OwnValues.Owns(result.Selection, entry.Key))) value.copy_(own[ModulePath.Plain(key)]);
            var covered = names.Values.ToHashSet();
            var left = plain.Where(entry => !covered.Contains(entry.Name) && !OwnValues.Owns(result.Selection, entry.Name) && Differs(entry.Value, own[ModulePath.Plain(entry.Name)])).Select(entry => entry.Name);
            return new ExtractionReport(result, layers, [.. left]);
        }
        catch
        {
            result.Remove();
            throw;
        }
    }

    private static Tensor Matrices(nn.Module layer, LoraConfig config, Tensor difference)
    {
        // An adapter of rank 1 that nothing is done with but to ask how its layer is divided.
        var before = layer.named_parameters().Select(entry => (entry.parameter, entry.parameter.requires_grad)).ToList();
        using var generator = new Generator(0);
        var probe = (LoraLayer)LayerKinds.Adapt(layer, config with { Rank = 1 }, generator);
        try
        {
            return probe.Grouped(difference);
        }
        finally
        {
            probe.Detach();
            foreach (var (parameter, trained) in before) parameter.requires_grad = trained;
        }
    }

    private static Tensor Difference(Tensor before, Tensor after) => after.detach().to(ScalarType.Float64, before.device).Minus(before.detach().to(ScalarType.Float64));

    private static double All(Tensor tensor) => tensor.mul(tensor).sum().item<double>();

    private static bool Differs(Tensor before, Tensor after) => !before.eq(after.to(before.dtype, before.device)).all().item<bool>();

    private static void DemandFits(IEnumerable<(string Name, Tensor Value)> here, IReadOnlyDictionary<string, Tensor> there, string what)
    {
        var entries = here.Select(entry => (Name: ModulePath.Plain(entry.Name), entry.Value)).ToList();
        var missing = entries.Where(entry => !there.ContainsKey(entry.Name)).Select(entry => entry.Name).ToList();
        var foreign = there.Keys.Except(entries.Select(entry => entry.Name)).ToList();
        var faults = new List<string>();
        if (missing.Count > 0) faults.Add($"it lacks {Names.Some(missing)}");
        if (foreign.Count > 0) faults.Add($"the model has no {Names.Some(foreign)}");
        faults.AddRange(entries.Where(entry => there.TryGetValue(entry.Name, out var other) && !other.shape.SequenceEqual(entry.Value.shape))
            .Select(entry => $"{entry.Name} is [{string.Join(", ", there[entry.Name].shape)}] there and [{string.Join(", ", entry.Value.shape)}] here").Take(3));
        if (faults.Count > 0) throw new LoraException($"{what} is not of this model's shape: {string.Join("; ", faults)}.");
    }
}

using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Common;
using MedPeft.Lora.Injection.NativeLayers;
using TorchSharp;
using static TorchSharp.torch;

namespace MedPeft.Lora.Injection.Peft;

/// <summary>State dicts of loralib and of the code of Lian et al.: <c>qkv.lora_A</c> and <c>qkv.lora_B</c> without <c>.weight</c>, blocks of a fused layer one after the other, with or without the base.</summary>
internal static class LoraStateFile
{
    private const double Tolerance = 1e-3; // of merging in float32, and of merging and unmerging again every epoch, as loralib does
    private const double Certain = 6; // standard errors

    /// <summary>Copies a file's factors into adapters that they must fit: all of them or, if anything is wrong, none.</summary>
    public static void Load(string path, AdapterParts parts, LoadOptions options)
    {
        if (parts.Config is not LoraConfig) throw new LoraException($"A state dict of loralib holds LoRA, and this model is adapted by a {parts.Config.GetType().Name}. Load a folder that Save has written.");
        using var file = Checkpoint.OpenFile(path, allowIndex: true);
        if (file.Tensors.Keys.Any(key => key.StartsWith("base_model.", StringComparison.Ordinal)))
            throw new CheckpointException(path, "this is the weights of an adapter of PEFT, which mean nothing without its adapter_config.json. Load the folder that the two are in.");
        var places = Places(parts, file);
        var frozen = parts.Frozen().ToDictionary();
        DemandFits(file, places, frozen, options);
        var before = new List<(Tensor To, Tensor Value)>();
        using var none = no_grad();
        using var scope = NewDisposeScope();
        try
        {
            var values = places.Where(place => file.Tensors.ContainsKey(place.Key)).Select(place => (To: place.Value, From: Read(scope, file, place.Key))).ToList();
            before.AddRange(values.Select(pair => (pair.To, pair.To.detach().clone())));
            foreach (var (to, from) in values) to.copy_(from);
            if (!options.AllowOtherBase) DemandBase(file, parts, frozen);
            if (!options.AllowMerged) DemandUnmerged(file, parts);
        }
        catch
        {
            foreach (var (to, value) in before) to.copy_(value);
            throw;
        }
    }

    /// <summary>Where each entry of the file belongs.</summary>
    private static Dictionary<string, Tensor> Places(AdapterParts parts, TensorFile file)
    {
        var places = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        foreach (var (path, layer) in parts.Layers)
            foreach (var (name, parameter) in layer.Adapter)
                places.Add(KeyOf(ModulePath.Plain(path), name), parameter);
        foreach (var (key, tensor) in parts.Trained().Concat(parts.Moved())) places.Add(key.Replace(".base_layer.", ".", StringComparison.Ordinal), tensor);
        return places;

        // lora_A.weight and lora_embedding_A are both lora_A there.
        string KeyOf(string path, string name)
        {
            var whole = $"{path}.{name}";
            var bare = $"{path}.{name.Replace(".weight", "", StringComparison.Ordinal).Replace("lora_embedding_", "lora_", StringComparison.Ordinal)}";
            return file.Tensors.ContainsKey(whole) ? whole : bare;
        }
    }

    private static void DemandFits(TensorFile file, Dictionary<string, Tensor> places, Dictionary<string, Tensor> frozen, LoadOptions options)
    {
        var faults = new List<string>();
        if (!options.AllowMissingKeys && places.Keys.Where(key => !file.Tensors.ContainsKey(key) && !key.Contains(".running_", StringComparison.Ordinal) && !key.EndsWith(".num_batches_tracked", StringComparison.Ordinal)).ToList() is { Count: > 0 } missing)
            faults.Add($"it lacks {Names.Some(missing)}");
        if (!options.AllowForeignKeys && file.Tensors.Keys.Where(key => !places.ContainsKey(key) && !frozen.ContainsKey(key)).ToList() is { Count: > 0 } foreign)
            faults.Add($"the model has no place for {Names.Some(foreign)}");
        foreach (var (key, tensor) in places)
            if (file.Tensors.TryGetValue(key, out var info) && !info.Shape.SequenceEqual(tensor.shape))
                faults.Add($"{key} is [{string.Join(", ", info.Shape)}] there and [{string.Join(", ", tensor.shape)}] here"
                    + (tensor.dim() == 4 && info.Shape.Length == 2 ? " (loralib splits a convolution in another way, which is no sum of rank r here)" : ""));
        if (faults.Count > 0)
            throw new LoraException($"{Quoted.Bare(Path.GetFileName(file.Path))} does not fit this model's adapter: {string.Join("; ", faults.Take(6))}{(faults.Count > 6 ? $"; and {faults.Count - 6} more faults" : "")}. "
                + "Inject with the rank, targets and blocks it was trained with.");
    }

    // The base in the file is this one, or this one with the update added; the factors are right for both.
    private static void DemandBase(TensorFile file, AdapterParts parts, Dictionary<string, Tensor> frozen)
    {
        var others = new List<string>();
        foreach (var (key, tensor) in frozen.Where(entry => file.Tensors.ContainsKey(entry.Key)))
        {
            using var scope = NewDisposeScope();
            var there = Read(scope, file, key);
            if (!there.shape.SequenceEqual(tensor.shape) || !(Same(there, tensor) || IsMerged(key, there, tensor))) others.Add(key);
        }
        if (others.Count > 0)
            throw new LoraException($"{Quoted.Bare(Path.GetFileName(file.Path))} was trained on another base: {Names.Some(others)} differ{(others.Count == 1 ? "s" : "")}. Load the checkpoint that it was trained on, or set AllowOtherBase.");

        bool IsMerged(string key, Tensor there, Tensor here)
        {
            if (parts.Layers.FirstOrDefault(layer => NativePart.ParameterName(ModulePath.Plain(layer.Path), layer.Layer.Base, "weight") == key).Layer is not { } layer) return false;
            var delta = layer.Delta().to(ScalarType.Float64).cpu();
            var rest = there.to(ScalarType.Float64).Minus(here.to(ScalarType.Float64).cpu()).Minus(delta);
            return Largest(rest) <= Tolerance * Largest(delta) + 1e-6 * Largest(here);
        }
    }

    // If the weights of file and model are the same, nothing tells whether both have the update added but the weights themselves: then they lean towards it.
    private static void DemandUnmerged(TensorFile file, AdapterParts parts)
    {
        double along = 0, length = 0, variance = 0;
        foreach (var (path, layer) in parts.Layers)
        {
            using var scope = NewDisposeScope();
            var key = NativePart.ParameterName(ModulePath.Plain(path), layer.Base, "weight");
            var weight = layer.Base.get_parameter("weight")!;
            if (!file.Tensors.ContainsKey(key) || !Same(Read(scope, file, key), weight)) continue;
            Tensor w = weight.detach().to(ScalarType.Float64).cpu(), delta = layer.Delta().to(ScalarType.Float64).cpu();
            var (product, square, size) = (w.mul(delta).sum().item<double>(), delta.mul(delta).sum().item<double>(), w.mul(w).sum().item<double>());
            (along, length, variance) = (along + product, length + square, variance + size * square / w.numel());
        }
        if (length == 0) return;
        var share = along / length; // 1 if W = W₀ + Δ and W₀ knows nothing of Δ, 0 if W = W₀
        var error = Math.Sqrt(variance) / length;
        if (share > 0.5 && share > Certain * error)
            throw new LoraException($"The weights of {Quoted.Bare(Path.GetFileName(file.Path))}, which are this model's as well, seem to have the update added already (it was saved in evaluation mode): its factors would count twice. "
                + "Load the foundation model's own checkpoint as the base, or set AllowMerged.");
    }

    private static Tensor Read(DisposeScope scope, TensorFile file, string key)
    {
        var tensor = file.Read(key);
        scope.Attach(tensor);
        return tensor;
    }

    private static bool Same(Tensor there, Tensor here)
    {
        using Tensor detached = here.detach(), near = detached.cpu();
        if (there.dtype != near.dtype) return false;
        using var same = there.eq(near);
        using var all = same.all();
        return all.item<bool>();
    }

    private static double Largest(Tensor tensor)
    {
        using Tensor size = tensor.detach().abs(), largest = size.max(), exact = largest.to(ScalarType.Float64);
        return exact.item<double>();
    }
}

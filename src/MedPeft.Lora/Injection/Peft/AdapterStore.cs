using System.Text;
using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Checkpoints.Adapters;
using static TorchSharp.torch;

namespace MedPeft.Lora.Injection.Peft;

/// <summary>Adapters in folders: PEFT's two files, which it opens where it can hold the adapter, and one of ours beside them.</summary>
internal static class AdapterStore
{
    private const string PeftPrefix = "base_model.model.";
    private const int Shown = 6;

    /// <summary>Writes an adapter, whole or not at all, and reads it back before it counts.</summary>
    public static void Save(string folder, AdapterParts parts, IReadOnlyList<string>? labels)
    {
        var tensors = new List<KeyValuePair<string, Tensor>>();
        try
        {
            var own = parts.Unmerged(() =>
            {
                tensors.AddRange(Written(parts));
                return new OwnConfig(parts.Config, labels, BaseFingerprint.Of(parts.Frozen()));
            });
            var form = PeftForm.Of(parts.Config);
            var fields = form.Fields(parts);
            fields["peft_type"] = form.TypeOf(parts);
            var weights = new SafetensorsWriter(tensors, new Dictionary<string, string> { ["format"] = "pt" });
            FolderCommit.Write(folder,
            [
                (AdapterFolder.Weights, weights.Write),
                (AdapterFolder.Config, stream => stream.Write(Encoding.ASCII.GetBytes(PythonJson.Dumps(fields)))),
                (AdapterFolder.OwnConfig, stream => stream.Write(Encoding.ASCII.GetBytes(PythonJson.Dumps(own.ToJson())))),
            ], path => Verify(folder, path, parts, own, tensors));
        }
        finally
        {
            foreach (var (_, tensor) in tensors) tensor.Dispose();
        }
    }

    /// <summary>The configuration that makes the adapters of a folder anew.</summary>
    public static AdapterConfig ConfigOf(string folder, nn.Module root)
    {
        var peft = PeftConfig.Read(AdapterFolder.ConfigOf(folder));
        if (AdapterFolder.OwnConfigOf(folder) is { } own) return OwnConfig.Read(own).Config;
        using var file = AdapterFolder.OpenWeights(folder);
        return PeftForm.Of(peft).Configure(peft, file, root);
    }

    /// <summary>Copies a folder's values into adapters that it must fit: all of them or, if anything is wrong, none.</summary>
    /// <returns>The labels of the folder; null if it has none.</returns>
    public static IReadOnlyList<string>? Load(string folder, AdapterParts parts, LoadOptions options, IReadOnlyList<string>? labels)
    {
        var peft = PeftConfig.Read(AdapterFolder.ConfigOf(folder));
        var own = AdapterFolder.OwnConfigOf(folder) is { } path ? OwnConfig.Read(path) : null;
        var form = PeftForm.Of(parts.Config).For(peft, parts);
        using var file = AdapterFolder.OpenWeights(folder);
        var prefix = Prefix(file);
        var places = Places(parts, form, prefix);
        var faults = new List<string>();
        faults.AddRange(own is null ? form.Differences(peft, parts) : Differences(own.Config, parts));
        if (own is not null && faults.Count == 0) faults.AddRange(form.Differences(peft, parts));
        faults.AddRange(Misfits(file, places, options));
        if (faults.Count > 0)
            throw new LoraException($"{Name(folder)} does not fit this model's adapter: {string.Join("; ", faults.Take(Shown))}{(faults.Count > Shown ? $"; and {faults.Count - Shown} more faults" : "")}. "
                + "Inject with the configuration it was saved with.");
        DemandLabels(folder, own?.Labels, labels, options);
        if (own is not null && !options.AllowOtherBase) DemandBase(folder, own.Base, parts);
        Copy(file, places, parts, form, prefix);
        return own?.Labels;
    }

    /// <summary>What stands before every name in a file of PEFT's; nothing where it was injected without its wrapper.</summary>
    public static string Prefix(TensorFile file) => file.Tensors.Keys.Any(key => key.StartsWith(PeftPrefix, StringComparison.Ordinal)) ? PeftPrefix : "";

    private static IEnumerable<KeyValuePair<string, Tensor>> Written(AdapterParts parts)
    {
        var form = PeftForm.Of(parts.Config);
        foreach (var (path, layer) in parts.Layers)
            foreach (var ((name, _), tensor) in form.Entries(layer).Zip(form.Write(layer)))
                yield return new($"{PeftPrefix}{ModulePath.Plain(path)}.{name}", tensor);
        foreach (var (key, tensor) in form.Shared(parts, PeftPrefix)) yield return new(key, tensor.detach());
        foreach (var (key, tensor) in parts.Trained().Concat(parts.Moved())) yield return new(PeftPrefix + key, tensor.detach());
    }

    /// <summary>Every tensor that a file may have, with its shape; true for those that it must have.</summary>
    private static Dictionary<string, (long[] Shape, bool Must)> Places(AdapterParts parts, PeftForm form, string prefix)
    {
        var places = new Dictionary<string, (long[], bool)>(StringComparer.Ordinal);
        foreach (var (path, layer) in parts.Layers)
            foreach (var (name, shape) in form.Entries(layer)) places.Add($"{prefix}{ModulePath.Plain(path)}.{name}", (shape, true));
        foreach (var (key, tensor) in form.Shared(parts, prefix)) places.Add(key, (tensor.shape, false));
        foreach (var (key, tensor) in parts.Trained()) places.Add(prefix + key, (tensor.shape, true));
        foreach (var (key, tensor) in parts.Moved()) places.Add(prefix + key, (tensor.shape, false));
        return places;
    }

    private static IEnumerable<string> Misfits(TensorFile file, Dictionary<string, (long[] Shape, bool Must)> places, LoadOptions options)
    {
        if (!options.AllowMissingKeys && places.Where(place => place.Value.Must && !file.Tensors.ContainsKey(place.Key)).Select(place => place.Key).ToList() is { Count: > 0 } missing)
            yield return $"it lacks {Names.Some(missing)}";
        if (!options.AllowForeignKeys && file.Tensors.Keys.Where(key => !places.ContainsKey(key) && !IsCopy(key)).ToList() is { Count: > 0 } foreign)
            yield return $"the model has no place for {Names.Some(foreign)}";
        foreach (var (key, (shape, _)) in places)
            if (file.Tensors.TryGetValue(key, out var info) && !info.Shape.SequenceEqual(shape))
                yield return $"{key} is [{string.Join(", ", info.Shape)}] there and [{string.Join(", ", shape)}] here";
    }

    // With bias="all" PEFT also writes the biases of its own copies of modules; the ones that count stand under the modules' names.
    private static bool IsCopy(string key) => key.EndsWith(".original_module.bias", StringComparison.Ordinal) || key.EndsWith(".modules_to_save.bias", StringComparison.Ordinal);

    // Factors of the same shape mean another update under another scale or in other blocks, and no shape would tell.
    private static IEnumerable<string> Differences(AdapterConfig there, AdapterParts parts)
    {
        if (there.GetType() != parts.Config.GetType()) return [$"it was made by a {there.GetType().Name}, this one by a {parts.Config.GetType().Name}"];
        return parts.Selection.Layers.SelectMany(layer =>
        {
            var (here, other) = (layer.Config.Info(layer.Path, layer.Layer), there.For(layer.Path).Info(layer.Path, layer.Layer));
            return new[]
            {
                Difference("rank", here.Rank, other.Rank), Difference("alpha", here.Alpha, other.Alpha), Difference("scale", here.Scale, other.Scale), Difference("DoRA", here.Dora, other.Dora),
                Difference("blocks", Blocks(here), Blocks(other)),
            }.OfType<string>();

            string? Difference<T>(string what, T here, T other) =>
                Equals(here, other) ? null : string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{layer.Path} has {what} {other} there and {here} here");
        });

        static string Blocks(LoraLayerInfo info) => info.Blocks is null ? "none" : $"[{string.Join(", ", info.Blocks)}]";
    }

    private static void DemandLabels(string folder, IReadOnlyList<string>? there, IReadOnlyList<string>? here, LoadOptions options)
    {
        if (options.AllowOtherLabels || there is null || here is null || there.SequenceEqual(here)) return;
        var at = Enumerable.Range(0, Math.Max(there.Count, here.Count)).First(i => there.ElementAtOrDefault(i) != here.ElementAtOrDefault(i));
        throw new LoraException($"{Name(folder)} was trained for other labels: {there.Count} there and {here.Count} here, and number {at + 1} is {Label(there)} there and {Label(here)} here. "
            + "Give the labels in the order of the training data, or set AllowOtherLabels.");

        string Label(IReadOnlyList<string> labels) => at < labels.Count ? Quoted.Text(labels[at]) : "missing";
    }

    private static void DemandBase(string folder, BaseFingerprint there, AdapterParts parts)
    {
        var here = parts.Unmerged(() => BaseFingerprint.Of(parts.Frozen()));
        if (there.Differences(here) is { } differences)
            throw new LoraException($"{Name(folder)} was trained on another base: {differences}. Load the checkpoint that it was trained on, or set AllowOtherBase.");
    }

    private static void Copy(TensorFile file, Dictionary<string, (long[] Shape, bool Must)> places, AdapterParts parts, PeftForm form, string prefix)
    {
        var read = new List<(Tensor To, Tensor From)>(); // all values first: a damaged one must leave the model as it was
        try
        {
            foreach (var (path, layer) in parts.Layers)
            {
                var keys = form.Entries(layer).Select(entry => $"{prefix}{ModulePath.Plain(path)}.{entry.Name}").ToList();
                if (keys.Any(key => !file.Tensors.ContainsKey(key))) continue; // asked for
                var stored = new List<Tensor>();
                try
                {
                    foreach (var key in keys) stored.Add(file.Read(key));
                    read.AddRange(layer.Adapter.Zip(form.Read(path, layer, stored), (entry, value) => ((Tensor)entry.Value, value)));
                }
                finally
                {
                    foreach (var tensor in stored) tensor.Dispose();
                }
            }
            foreach (var (key, tensor) in parts.Trained().Concat(parts.Moved()).Select(entry => (prefix + entry.Key, entry.Value)).Concat(form.Shared(parts, prefix)))
                if (file.Tensors.ContainsKey(key))
                    read.Add((tensor, file.Read(key)));
            using var none = no_grad();
            foreach (var (to, from) in read) to.copy_(from);
            form.Loaded(parts);
        }
        finally
        {
            foreach (var (_, from) in read) from.Dispose();
        }
    }

    // Before the new files count: a full cache or a bad disk must not cost the old adapter.
    private static void Verify(string folder, Func<string, string> path, AdapterParts parts, OwnConfig own, List<KeyValuePair<string, Tensor>> tensors)
    {
        using var file = Safetensors.Open(path(AdapterFolder.Weights));
        foreach (var (name, tensor) in tensors)
        {
            using Tensor written = file.Read(name), near = tensor.cpu(), plain = near.contiguous();
            foreach (var (one, other) in TensorBytes.Pieces(written).Zip(TensorBytes.Pieces(plain)))
                using (one)
                using (other)
                    if (!one.bytes.SequenceEqual(other.bytes))
                        throw new CheckpointException(folder, "what was written does not read back as it is in memory. The disk may be failing; what was there before is untouched.", name);
        }
        if (!OwnConfig.Read(path(AdapterFolder.OwnConfig)).Config.Equals(own.Config) || PeftForm.Of(parts.Config).Differences(PeftConfig.Read(path(AdapterFolder.Config)), parts).FirstOrDefault() is { })
            throw new CheckpointException(folder, "the configuration that was written does not read back as the adapter's. What was there before is untouched; please report it.");
    }

    private static string Name(string folder) => Quoted.Bare(Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))));
}

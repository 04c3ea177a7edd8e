using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using MedPeft.Lora.Checkpoints;
using static TorchSharp.torch;

namespace MedPeft.Lora.Injection;

/// <summary>An adapter in one safetensors file: its tensors under the model's names, and what it takes to put it back in the metadata.</summary>
internal static class AdapterFile
{
    private const string Key = "medpeft.lora";
    private const int Version = 1;

    public static void Write(string path, IEnumerable<KeyValuePair<string, Tensor>> tensors, LoraConfig config, IReadOnlyList<LoraLayerInfo> layers) =>
        Safetensors.Write(path, tensors, new Dictionary<string, string> { ["format"] = "pt", [Key] = Describe(config, layers).ToJsonString() });

    /// <summary>Copies a file's values into tensors that it must fit exactly: all of them or, if anything is wrong, none.</summary>
    public static void ReadInto(string path, IReadOnlyDictionary<string, Tensor> tensors, LoraConfig config, IReadOnlyList<LoraLayerInfo> layers)
    {
        using var file = Safetensors.Open(path);
        var faults = new List<string>();
        if (tensors.Keys.Where(name => !file.Tensors.ContainsKey(name)).ToList() is { Count: > 0 } missing) faults.Add($"it lacks {Names.Some(missing)}");
        if (file.Tensors.Keys.Where(name => !tensors.ContainsKey(name)).ToList() is { Count: > 0 } foreign) faults.Add($"the model has no place for {Names.Some(foreign)}");
        faults.AddRange(tensors.Where(entry => file.Tensors.TryGetValue(entry.Key, out var info) && !info.Shape.SequenceEqual(entry.Value.shape))
            .Select(entry => $"{entry.Key} is [{string.Join(", ", file.Tensors[entry.Key].Shape)}] there and [{string.Join(", ", entry.Value.shape)}] here"));
        faults.AddRange(Differences(path, file.Metadata, config, layers));
        if (faults.Count > 0)
            throw new LoraException($"{Path.GetFileName(path)} does not fit this model's adapter: {string.Join("; ", faults.Take(6))}{(faults.Count > 6 ? $"; and {faults.Count - 6} more faults" : "")}. "
                + "Inject with the configuration it was saved with.");

        var read = new List<(Tensor To, Tensor From)>(); // all values first: a damaged one must leave the model as it was
        try
        {
            foreach (var (name, tensor) in tensors) read.Add((tensor, file.Read(name)));
            using var none = no_grad();
            foreach (var (to, from) in read) to.copy_(from);
        }
        finally
        {
            foreach (var (_, from) in read) from.Dispose();
        }
    }

    /// <summary>The configuration that makes the adapter of a file anew: its layers by their whole paths, each with its rank and alpha.</summary>
    public static AdapterConfig ConfigOf(string path)
    {
        using var file = Safetensors.Open(path);
        var description = Description(path, file.Metadata) ?? throw new LoraException($"{Path.GetFileName(path)} has no description of an adapter ({Key}) in its metadata. Inject with the configuration it was made with, then Load it.");
        try
        {
            var layers = description["layers"]!.AsObject().ToDictionary(layer => layer.Key, layer => layer.Value!.AsObject());
            var first = layers.Values.First();
            return new LoraConfig
            {
                TargetPattern = string.Join('|', layers.Keys.Select(Regex.Escape)),
                RankPattern = layers.ToDictionary(layer => layer.Key, layer => layer.Value["rank"]!.GetValue<int>()),
                AlphaPattern = layers.ToDictionary(layer => layer.Key, layer => layer.Value["alpha"]!.GetValue<double>()),
                Blocks = (first["blocks"] as JsonArray)?.Select(block => Enum.Parse<LoraBlock>(block!.GetValue<string>())).ToList(),
                Dora = first["dora"]!.GetValue<bool>(),
                RankStabilized = description["rankStabilized"]!.GetValue<bool>(),
                Dropout = description["dropout"]!.GetValue<double>(),
                Bias = Enum.Parse<LoraBias>(description["bias"]!.GetValue<string>()),
                Trainable = [.. description["trainable"]!.AsArray().Select(name => name!.GetValue<string>())],
            };
        }
        catch (Exception e) when (e is NullReferenceException or InvalidOperationException or FormatException or ArgumentException)
        {
            throw new CheckpointException(path, $"its description of the adapter ({Key}) is not the one that Save writes: {e.Message}", innerException: e);
        }
    }

    private static JsonObject Describe(LoraConfig config, IReadOnlyList<LoraLayerInfo> layers) => new()
    {
        ["version"] = Version,
        ["rankStabilized"] = config.RankStabilized,
        ["dropout"] = config.Dropout,
        ["bias"] = config.Bias.ToString(),
        ["trainable"] = new JsonArray([.. config.Trainable.Select(name => (JsonNode)name)]),
        ["layers"] = new JsonObject(layers.Select(layer => KeyValuePair.Create(layer.Path, (JsonNode?)Describe(layer)))),
    };

    private static JsonObject Describe(LoraLayerInfo layer) => new()
    {
        ["kind"] = layer.Kind,
        ["rank"] = layer.Rank,
        ["alpha"] = layer.Alpha,
        ["scale"] = layer.Scale,
        ["dora"] = layer.Dora,
        ["blocks"] = layer.Blocks is null ? null : new JsonArray([.. layer.Blocks.Select(block => (JsonNode)block.ToString())]),
    };

    // Factors of the same shape mean another update under another scale or other blocks, and no shape would tell.
    private static IEnumerable<string> Differences(string path, IReadOnlyDictionary<string, string> metadata, LoraConfig config, IReadOnlyList<LoraLayerInfo> layers)
    {
        if (Description(path, metadata)?["layers"] is not JsonObject there) return [$"it has no description of an adapter ({Key}) in its metadata"];
        return layers.Where(layer => there[layer.Path] is JsonObject).SelectMany(layer =>
        {
            var (here, other) = (Describe(layer), (JsonObject)there[layer.Path]!);
            return here.Where(entry => !JsonNode.DeepEquals(entry.Value, other[entry.Key]))
                .Select(entry => string.Create(CultureInfo.InvariantCulture, $"{layer.Path} has {entry.Key} {Text(other[entry.Key])} there and {Text(entry.Value)} here"));
        });
    }

    private static JsonObject? Description(string path, IReadOnlyDictionary<string, string> metadata)
    {
        try
        {
            return metadata.TryGetValue(Key, out var text) ? JsonNode.Parse(text)!.AsObject() : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or NullReferenceException)
        {
            throw new CheckpointException(path, $"its description of the adapter ({Key}) is no JSON object.", innerException: e);
        }
    }

    private static string Text(JsonNode? node) => node?.ToJsonString() ?? "none";
}

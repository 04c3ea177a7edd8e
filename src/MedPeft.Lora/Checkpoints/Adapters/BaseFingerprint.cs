using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace MedPeft.Lora.Checkpoints.Adapters;

/// <summary>Tells weights from other weights: a hash of the type, the shape and the bits of each tensor, by name.</summary>
/// <remarks>The bits are what a model computes with, so it is the same for the same weights from a .pth or a safetensors file, on any device, by any version.</remarks>
internal sealed class BaseFingerprint
{
    private const string Algorithm = "sha256/128 of dtype, shape and little-endian values";
    private const int HashBytes = 16;

    private BaseFingerprint(IReadOnlyDictionary<string, string> hashes) => Hashes = hashes;

    /// <summary>The hash of each tensor, hexadecimal.</summary>
    public IReadOnlyDictionary<string, string> Hashes { get; }

    /// <summary>Hashes tensors; they may lie on any device.</summary>
    public static BaseFingerprint Of(IReadOnlyCollection<KeyValuePair<string, Tensor>> tensors)
    {
        var hashes = new ConcurrentDictionary<string, string>(StringComparer.Ordinal);
        // The large ones first, so that no thread is left with one at the end.
        Parallel.ForEach(tensors.OrderByDescending(entry => entry.Value.numel()), entry => hashes[entry.Key] = Hash(entry.Value));
        return new BaseFingerprint(new SortedDictionary<string, string>(hashes, StringComparer.Ordinal));
    }

    /// <summary>As it is written.</summary>
    public JsonObject ToJson() => new()
    {
        ["algorithm"] = Algorithm,
        ["tensors"] = new JsonObject(Hashes.Select(entry => KeyValuePair.Create(entry.Key, (JsonNode?)entry.Value))),
    };

    /// <summary>Reads what <see cref="ToJson"/> has made.</summary>
    /// <returns>Null if it is something else.</returns>
    public static BaseFingerprint? From(JsonNode? json)
    {
        static bool IsText(JsonNode? node) => node is JsonValue value && value.GetValueKind() == JsonValueKind.String;
        return json is JsonObject fields && IsText(fields["algorithm"]) && fields["algorithm"]!.GetValue<string>() == Algorithm
            && fields["tensors"] is JsonObject tensors && tensors.All(entry => IsText(entry.Value))
            ? new BaseFingerprint(tensors.ToDictionary(entry => entry.Key, entry => entry.Value!.GetValue<string>(), StringComparer.Ordinal)) : null;
    }

    /// <summary>In words, what differs between these weights and others; null if nothing does.</summary>
    public string? Differences(BaseFingerprint here)
    {
        var faults = new List<string>();
        Add("have other values", Hashes.Keys.Where(name => here.Hashes.TryGetValue(name, out var hash) && hash != Hashes[name]));
        Add("are not in this model", Hashes.Keys.Where(name => !here.Hashes.ContainsKey(name)));
        Add("were not there, or were trained", here.Hashes.Keys.Where(name => !Hashes.ContainsKey(name)));
        return faults.Count == 0 ? null : string.Join("; ", faults);

        void Add(string what, IEnumerable<string> names)
        {
            if (names.ToList() is { Count: > 0 } found) faults.Add($"{found.Count} of {Hashes.Count} tensors {what}: {Quoted.Some(found, found.Count, 3)}");
        }
    }

    private static string Hash(Tensor tensor)
    {
        using var none = no_grad();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{ElementType.Of(tensor.dtype)?.Name ?? tensor.dtype.ToString()} [{string.Join(", ", tensor.shape)}]\n"));
        TensorHash.Append(hash, tensor);
        return Convert.ToHexString(hash.GetHashAndReset().AsSpan(0, HashBytes));
    }
}

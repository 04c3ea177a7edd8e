using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using MedPeft.Lora.Checkpoints;
using static TorchSharp.torch;

namespace MedPeft.Lora.Training;

/// <summary>The file that a run goes on from: safetensors with what trains and what the optimizer remembers, and the rest as text beside it, under one checksum.</summary>
internal static class RunCheckpoint
{
    private const string Format = "1";
    private static readonly JsonSerializerOptions Numbers = new() { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };

    public static void Write(string path, RunState state, IReadOnlyDictionary<string, string> identity, IReadOnlyList<KeyValuePair<string, Tensor>> tensors)
    {
        var metadata = new Dictionary<string, string>
        {
            ["medpeft_run"] = Format,
            ["identity"] = JsonSerializer.Serialize(identity),
            ["state"] = JsonSerializer.Serialize(state, Numbers),
        };
        metadata["sha256"] = Checksum(metadata, tensors.OrderBy(entry => entry.Key, StringComparer.Ordinal));
        Safetensors.Write(path, tensors, metadata);
    }

    /// <summary>Reads and checks the whole file before anything of it is used.</summary>
    /// <exception cref="CheckpointException">It is damaged, or of another version.</exception>
    public static Content Read(string path)
    {
        using var file = Safetensors.Open(path);
        if (!file.Metadata.TryGetValue("medpeft_run", out var format)) throw new CheckpointException(path, "this is no checkpoint of a run.");
        if (format != Format) throw new CheckpointException(path, $"it has format {format}, and this version of the library reads {Format}.");
        var tensors = new List<KeyValuePair<string, Tensor>>();
        try
        {
            foreach (var name in file.Tensors.Keys.Order(StringComparer.Ordinal)) tensors.Add(new(name, file.Read(name)));
            if (!file.Metadata.TryGetValue("sha256", out var expected) || Checksum(file.Metadata, tensors) != expected)
                throw new CheckpointException(path, "its checksum is wrong: the file is damaged.");
            return new Content(
                JsonSerializer.Deserialize<RunState>(file.Metadata["state"], Numbers)!,
                JsonSerializer.Deserialize<Dictionary<string, string>>(file.Metadata["identity"])!,
                tensors);
        }
        catch (Exception error)
        {
            foreach (var (_, tensor) in tensors) tensor.Dispose();
            if (error is JsonException or KeyNotFoundException) throw new CheckpointException(path, "its text cannot be read: the file is damaged.", innerException: error);
            throw;
        }
    }

    private static string Checksum(IReadOnlyDictionary<string, string> metadata, IEnumerable<KeyValuePair<string, Tensor>> tensors)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var key in (string[])["identity", "state"])
            hash.AppendData(Encoding.UTF8.GetBytes(metadata.TryGetValue(key, out var text) ? text : ""));
        foreach (var (name, tensor) in tensors)
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"{name}[{string.Join(',', tensor.shape)}]"));
            TensorHash.Append(hash, tensor);
        }

        return Convert.ToHexString(hash.GetHashAndReset());
    }

    /// <summary>What a file holds; disposing it frees the tensors.</summary>
    public sealed record Content(RunState State, IReadOnlyDictionary<string, string> Identity, IReadOnlyList<KeyValuePair<string, Tensor>> Tensors) : IDisposable
    {
        public void Dispose()
        {
            foreach (var (_, tensor) in Tensors) tensor.Dispose();
        }
    }
}

using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace MedPeft.Lora.Checkpoints.Adapters;

/// <summary>Reads a small JSON file that nobody vouches for: bounded, valid text, no key twice.</summary>
internal static class StrictJson
{
    private const long Largest = 16 << 20;
    private const int Depth = 32;

    /// <summary>Reads an object.</summary>
    /// <exception cref="CheckpointException">The file is too large, no JSON, or no object.</exception>
    public static JsonObject Read(string path)
    {
        using var source = FileSource.Open(path);
        if (source.Length > Largest) throw new CheckpointException(path, $"this JSON text has {source.Length} bytes; such a file has at most {Largest}.");
        var bytes = new byte[source.Length];
        source.Read(0, bytes);
        if (bytes.AsSpan().StartsWith("\ufeff"u8)) bytes = bytes[3..];
        RefuseOthers(path, bytes);
        if (!System.Text.Unicode.Utf8.IsValid(bytes)) throw new CheckpointException(path, "this is no valid UTF-8 text. The file is damaged: fetch it again.");
        try
        {
            using var document = JsonDocument.Parse(bytes, new JsonDocumentOptions { MaxDepth = Depth });
            return Copy(path, document.RootElement) as JsonObject
                ?? throw new CheckpointException(path, $"this is a JSON {document.RootElement.ValueKind.ToString().ToLowerInvariant()} where an object should be. Fetch the file again.");
        }
        catch (JsonException error)
        {
            throw new CheckpointException(path, "this is no valid JSON. The file is damaged: fetch it again.", innerException: error);
        }
    }

    private static void RefuseOthers(string path, ReadOnlySpan<byte> bytes)
    {
        var start = Encoding.UTF8.GetString(bytes[..Math.Min(bytes.Length, 64)]).TrimStart();
        if (start.StartsWith("version https://git-lfs.github.com/", StringComparison.Ordinal))
            throw new CheckpointException(path, "this is a Git LFS pointer, the text that stands for a file in a clone without LFS. Run 'git lfs pull' in the clone.");
        if (start.StartsWith('<')) throw new CheckpointException(path, "this is a web page, not a JSON text. Open the address in a browser and save the file itself.");
    }

    private static JsonNode? Copy(string path, JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                var copy = new JsonObject();
                foreach (var property in element.EnumerateObject())
                {
                    if (copy.ContainsKey(property.Name)) throw new CheckpointException(path, "the key appears twice, and readers would differ on which one counts. Do not use this file.", property.Name);
                    copy.Add(property.Name, Copy(path, property.Value));
                }
                return copy;
            case JsonValueKind.Array:
                return new JsonArray([.. element.EnumerateArray().Select(item => Copy(path, item))]);
            case JsonValueKind.Null:
                return null;
            default:
                return JsonValue.Create(element.Clone());
        }
    }
}

using System.Text.Json;

namespace MedPeft.Lora.Data.Tables;

/// <summary>RSNA's mapping of its images to those of ChestX-ray14: a JSON array of objects with subset_img_id and img_id.</summary>
internal static class RsnaMapping
{
    private const long LongestFile = 256L << 20;

    /// <summary>The ChestX-ray14 file of each RSNA image.</summary>
    public static Dictionary<string, string> Read(string path)
    {
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            if (stream.Length > LongestFile) throw Wrong(path, $"has {Quoted.Number(stream.Length)} bytes");
            using var json = JsonDocument.Parse(stream, new JsonDocumentOptions { MaxDepth = 16 });
            if (json.RootElement.ValueKind != JsonValueKind.Array) throw Wrong(path, "is no array of objects");
            var found = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (var entry in json.RootElement.EnumerateArray())
            {
                if (Text(entry, "subset_img_id") is not { } image || Text(entry, "img_id") is not { } nih || NihTable.PatientOf(nih) is null)
                    throw Wrong(path, $"lacks subset_img_id or img_id in entry {found.Count + 1}");
                if (!found.TryAdd(image, nih)) throw Wrong(path, $"names the image {Quoted.Of(image)} twice");
            }

            return found;
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException or InvalidOperationException)
        {
            throw Wrong(path, e is JsonException ? "is damaged JSON" : "cannot be read", e);
        }
    }

    private static string? Text(JsonElement entry, string name)
        => entry.ValueKind == JsonValueKind.Object && entry.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;

    private static DatasetException Wrong(string path, string found, Exception? inner = null)
        => new(path, $"{found}; RSNA's file is an array of objects with subset_img_id and img_id. Fetch it again or remove it.", innerException: inner);
}

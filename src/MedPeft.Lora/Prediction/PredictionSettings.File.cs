using System.Text.Json;
using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Prediction;

public sealed partial record PredictionSettings
{
    private const int MostBytes = 1 << 20;

    /// <summary>Writes the settings beside an adapter; the file appears whole or not at all.</summary>
    /// <param name="folder">The adapter's folder, which exists; the file is <see cref="FileName"/>.</param>
    /// <exception cref="CheckpointException">The file cannot be written.</exception>
    public void Save(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        AtomicFile.Write(Path.Combine(folder, FileName), stream =>
        {
            using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true });
            json.WriteStartObject();
            json.WriteStartArray("labels");
            foreach (var label in Labels) json.WriteStringValue(label);
            json.WriteEndArray();
            json.WriteNumber("image_size", ImageSize);
            if (Resize is { } resize) json.WriteNumber("resize", resize);
            json.WriteNumber("channels", Channels);
            json.WriteNumber("mean", Normalization.Mean);
            json.WriteNumber("std", Normalization.Std);
            json.WriteNumber("temperature", Temperature);
            json.WriteStartObject("thresholds");
            foreach (var (label, threshold) in Thresholds.OrderBy(entry => entry.Key, StringComparer.Ordinal))
            {
                // JSON has no infinity; a threshold that no probability reaches does the same.
                json.WriteNumber(label, Math.Clamp(threshold, -2, 2));
            }

            json.WriteEndObject();
            json.WriteEndObject();
        });
    }

    /// <summary>Reads what <see cref="Save"/> has written.</summary>
    /// <param name="folder">The adapter's folder.</param>
    /// <exception cref="CheckpointException">There is no such file, or it does not hold settings.</exception>
    public static PredictionSettings Load(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        var path = Path.Combine(folder, FileName);
        try
        {
            if (new FileInfo(path) is { Exists: true, Length: > MostBytes } large)
                throw new CheckpointException(path, $"has {large.Length} bytes; settings have a few hundred. This is another file.");
            using var json = JsonDocument.Parse(File.ReadAllBytes(path));
            return Read(json.RootElement);
        }
        catch (Exception error) when (IoFault.Is(error))
        {
            throw new CheckpointException(path, $"cannot be read: {IoFault.Reason(error)}. PredictionSettings.Save writes it.", innerException: error);
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or ArgumentException)
        {
            throw new CheckpointException(path, $"does not hold the settings of a predictor: {error.Message} PredictionSettings.Save writes such a file.", innerException: error);
        }
    }

    private static PredictionSettings Read(JsonElement root)
    {
        var defaults = new PredictionSettings { Labels = [.. root.GetProperty("labels").EnumerateArray().Select(label => label.GetString() ?? "")] };
        var settings = defaults with
        {
            ImageSize = Number("image_size") is { } size ? size.GetInt32() : defaults.ImageSize,
            Resize = Number("resize")?.GetInt32(),
            Channels = Number("channels") is { } channels ? channels.GetInt32() : defaults.Channels,
            Normalization = new Normalization(Number("mean")?.GetSingle() ?? defaults.Normalization.Mean, Number("std")?.GetSingle() ?? defaults.Normalization.Std),
            Temperature = Number("temperature")?.GetDouble() ?? 1,
            Thresholds = root.TryGetProperty("thresholds", out var thresholds)
                ? thresholds.EnumerateObject().ToDictionary(entry => entry.Name, entry => entry.Value.GetDouble())
                : defaults.Thresholds,
        };
        _ = settings.Pipeline();
        _ = settings.ThresholdsInOrder();
        return settings;

        JsonElement? Number(string name) => root.TryGetProperty(name, out var value) ? value : null;
    }
}

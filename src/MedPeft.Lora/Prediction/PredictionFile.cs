using System.Globalization;
using System.Text;
using System.Text.Json;
using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Common;

namespace MedPeft.Lora.Prediction;

/// <summary>Writes predictions to a file, which appears whole or not at all. Rows are written as they come; none is kept in memory.</summary>
public static class PredictionFile
{
    /// <summary>Writes comma-separated values, UTF-8: <c>image</c>, a probability a label, <c>label called</c> (1 or 0) for each label with a threshold, <c>problem</c>.</summary>
    /// <param name="path">The file; replaced if it exists. Its folder exists.</param>
    /// <param name="settings">The predictor's: the names of the columns.</param>
    /// <param name="rows">The predictions. Numbers have a point, whatever the machine's language, and as many digits as it takes to read them back exactly.</param>
    /// <returns>The number of rows.</returns>
    /// <exception cref="CheckpointException">The file cannot be written.</exception>
    public static int WriteCsv(string path, PredictionSettings settings, IEnumerable<ImagePrediction> rows)
    {
        Check(path, settings, rows);
        var count = 0;
        AtomicFile.Write(path, stream =>
        {
            using var text = new StreamWriter(stream, new UTF8Encoding(false), leaveOpen: true) { NewLine = "\n" };
            var thresholds = settings.ThresholdsInOrder();
            int[] called = [.. Enumerable.Range(0, thresholds.Length).Where(k => thresholds[k] is not null)];
            text.WriteLine(string.Join(',', (string[])["image", .. settings.Labels.Select(Csv.Field), .. called.Select(k => Csv.Field($"{settings.Labels[k]} called")), "problem"]));
            foreach (var row in rows)
            {
                text.Write(Csv.Field(row.Name));
                for (var k = 0; k < settings.Labels.Count; k++)
                    text.Write(row.Problem is null ? string.Create(CultureInfo.InvariantCulture, $",{row.Probabilities[k]:R}") : ",");
                foreach (var k in called) text.Write(row.Problem is null ? row.Called[k] == true ? ",1" : ",0" : ",");
                text.Write(',');
                text.WriteLine(Csv.Field(row.Problem ?? ""));
                count++;
            }
        });
        return count;
    }

    /// <summary>Writes JSON: the labels, the temperature, the thresholds, and for each image its probabilities by label, the labels called, or the problem.</summary>
    /// <inheritdoc cref="WriteCsv" path="/returns"/>
    /// <param name="path">The file; replaced if it exists. Its folder exists.</param>
    /// <param name="settings">The predictor's.</param>
    /// <param name="rows">The predictions.</param>
    /// <exception cref="CheckpointException">The file cannot be written.</exception>
    public static int WriteJson(string path, PredictionSettings settings, IEnumerable<ImagePrediction> rows)
    {
        Check(path, settings, rows);
        var count = 0;
        AtomicFile.Write(path, stream =>
        {
            using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true });
            json.WriteStartObject();
            json.WriteStartArray("labels");
            foreach (var label in settings.Labels) json.WriteStringValue(label);
            json.WriteEndArray();
            json.WriteNumber("temperature", settings.Temperature);
            json.WriteStartObject("thresholds");
            foreach (var label in settings.Labels)
                if (settings.Thresholds.TryGetValue(label, out var threshold)) json.WriteNumber(label, Math.Clamp(threshold, -2, 2));
            json.WriteEndObject();
            json.WriteStartArray("predictions");
            foreach (var row in rows)
            {
                Write(json, settings, row);
                count++;
                if (json.BytesPending > 1 << 16) json.Flush();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        });
        return count;
    }

    private static void Write(Utf8JsonWriter json, PredictionSettings settings, ImagePrediction row)
    {
        json.WriteStartObject();
        json.WriteString("image", row.Name);
        if (row.Problem is { } problem)
        {
            json.WriteString("problem", problem);
        }
        else
        {
            json.WriteStartObject("probabilities");
            for (var k = 0; k < settings.Labels.Count; k++) json.WriteNumber(settings.Labels[k], row.Probabilities[k]);
            json.WriteEndObject();
            if (settings.Thresholds.Count > 0)
            {
                json.WriteStartArray("called");
                for (var k = 0; k < settings.Labels.Count; k++)
                    if (row.Called[k] == true) json.WriteStringValue(settings.Labels[k]);
                json.WriteEndArray();
            }
        }

        json.WriteEndObject();
    }

    private static void Check(string path, PredictionSettings settings, IEnumerable<ImagePrediction> rows)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(rows);
    }
}

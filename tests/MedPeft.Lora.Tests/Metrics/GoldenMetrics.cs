using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;

namespace MedPeft.Lora.Tests.Metrics;

/// <summary>metrics/auroc.json: what scikit-learn 1.2.1, scipy and numpy gave.</summary>
internal static class GoldenMetrics
{
    private static readonly Lazy<JsonElement> File = new(() => JsonDocument.Parse(System.IO.File.ReadAllText(Golden.Path("metrics/auroc.json"))).RootElement);

    public static JsonElement Root => File.Value;

    /// <summary>The names of the cases that scikit-learn gave values for.</summary>
    public static TheoryData<string> Cases => [.. Root.GetProperty("cases").EnumerateArray().Where(c => c.TryGetProperty("expected", out _)).Select(c => c.GetProperty("name").GetString()!)];

    /// <summary>Scores, labels and expected values of a case.</summary>
    public static (float[] Scores, float[] Labels, JsonElement Expected) Case(string name)
    {
        var item = Root.GetProperty("cases").EnumerateArray().First(c => c.GetProperty("name").GetString() == name);
        var expected = item.TryGetProperty("expected", out var e) ? e : default;
        return item.TryGetProperty("s", out var s)
            ? (Floats(s), Floats(item.GetProperty("y")), expected)
            : (Generated(item, out var labels), labels, expected);
    }

    /// <summary>A number, or the text of one that JSON cannot hold; nested lists are flattened row by row.</summary>
    public static float[] Floats(JsonElement array) => [.. array.EnumerateArray().SelectMany(x => x.ValueKind switch
    {
        JsonValueKind.Array => Floats(x),
        JsonValueKind.String => [float.Parse(x.GetString()!, System.Globalization.CultureInfo.InvariantCulture)],
        _ => [(float)x.GetDouble()],
    })];

    /// <summary>The scores of a case in double precision, as the reference had them.</summary>
    public static double[] Doubles(string name)
    {
        var item = Root.GetProperty("cases").EnumerateArray().First(c => c.GetProperty("name").GetString() == name);
        return item.TryGetProperty("s", out var s) ? [.. s.EnumerateArray().Select(x => x.GetDouble())] : Array.ConvertAll(Case(name).Scores, x => (double)x);
    }

    /// <summary>Values are equal to within a few units in the last place.</summary>
    public static void Close(double expected, double? actual, double tolerance = 1e-15) =>
        Assert.True(actual is { } a && Math.Abs(a - expected) <= tolerance * Math.Max(1, Math.Abs(expected)), $"expected {expected:R}, found {actual:R}");

    private static float[] Generated(JsonElement item, out float[] labels)
    {
        var n = item.GetProperty("n").GetInt32();
        var (a, b) = (item.GetProperty("seed_a").GetUInt32(), item.GetProperty("seed_b").GetUInt32());
        var quantise = item.GetProperty("name").GetString() == "big_1e6_ties256";
        var scores = new float[n];
        labels = new float[n];
        for (var i = 0; i < n; i++)
        {
            (a, b) = (Xorshift32(a), Xorshift32(b));
            labels[i] = (b >> 24) < 26 ? 1 : 0;
            var score = (float)((a >> 8) / 16777216f * 0.8f);
            score = (float)(score + (float)(0.2f * labels[i]));
            scores[i] = quantise ? MathF.Floor(score * 256) / 256 : score;
        }

        Assert.Equal(item.GetProperty("s_sha256_f32le").GetString(), Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(scores.AsSpan()))));
        return scores;
    }

    private static uint Xorshift32(uint x)
    {
        x ^= x << 13;
        x ^= x >> 17;
        return x ^ (x << 5);
    }
}

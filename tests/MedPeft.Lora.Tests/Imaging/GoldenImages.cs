using System.Security.Cryptography;
using System.Text.Json;
using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Tests.Imaging;

/// <summary>Images resized and cropped by Pillow 9.4.0 and torchvision 0.14.1: shared/golden/images.</summary>
internal static class GoldenImages
{
    private static readonly JsonElement Manifest = Read("images/manifest.json");

    public static IEnumerable<string> Names => Manifest.GetProperty("files").EnumerateArray().Select(f => f.GetProperty("name").GetString()!);

    public static JsonElement Coefficients => Manifest.GetProperty("coefficients");

    public static JsonElement Read(string manifest) => JsonDocument.Parse(File.ReadAllBytes(Golden.Path(manifest))).RootElement;

    public static JsonElement Outputs(string name)
        => Manifest.GetProperty("files").EnumerateArray().Single(f => f.GetProperty("name").GetString() == name).GetProperty("outputs");

    public static PixelImage Source(string name)
    {
        var file = Manifest.GetProperty("files").EnumerateArray().Single(f => f.GetProperty("name").GetString() == name);
        return Load("images", file.GetProperty("source").GetProperty("raw"));
    }

    public static PixelImage Load(string folder, JsonElement entry)
    {
        var pixels = File.ReadAllBytes(Golden.Path($"{folder}/{entry.GetProperty("file").GetString()}"));
        Assert.Equal(entry.GetProperty("sha256").GetString(), Hash(pixels));
        var shape = entry.GetProperty("shape");
        return new PixelImage(shape[1].GetInt32(), shape[0].GetInt32(), 1, pixels);
    }

    public static string Hash(ReadOnlySpan<byte> data) => Convert.ToHexStringLower(SHA256.HashData(data));

    /// <summary>Equal bytes, or where the first difference is.</summary>
    public static void Same(PixelImage expected, PixelImage actual)
    {
        Assert.Equal((expected.Width, expected.Height, expected.Channels), (actual.Width, actual.Height, actual.Channels));
        var at = expected.Pixels.AsSpan().CommonPrefixLength(actual.Pixels);
        if (at == expected.Pixels.Length) return;
        var different = expected.Pixels.Zip(actual.Pixels).Count(p => p.First != p.Second);
        Assert.Fail($"{different} of {expected.Pixels.Length} bytes differ, the first at {at}: expected {expected.Pixels[at]}, found {actual.Pixels[at]}.");
    }
}

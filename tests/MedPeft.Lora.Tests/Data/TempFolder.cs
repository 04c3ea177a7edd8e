using System.IO.Compression;
using System.Text;
using MedPeft.Lora.Tests.Imaging;

namespace MedPeft.Lora.Tests.Data;

/// <summary>A folder for one test, removed with it.</summary>
internal sealed class TempFolder : IDisposable
{
    public TempFolder() => Path = Directory.CreateTempSubdirectory("medpeft-").FullName;

    public string Path { get; }

    public string Write(string relative, string text) => Write(relative, Encoding.UTF8.GetBytes(text));

    public string Write(string relative, byte[] bytes)
    {
        var path = In(relative);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, bytes);
        return path;
    }

    public string Gzip(string relative, string text)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest)) gzip.Write(Encoding.UTF8.GetBytes(text));
        return Write(relative, packed.ToArray());
    }

    /// <summary>A small gray image of noise.</summary>
    public string Image(string relative, int width = 40, int height = 32, ulong seed = 1) => Write(relative, TestImages.Png(TestImages.Noise(width, height, 1, seed)));

    public string In(string relative) => System.IO.Path.Join(Path, relative);

    public void Dispose() => Directory.Delete(Path, true);
}

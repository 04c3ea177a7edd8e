using BenchmarkDotNet.Attributes;
using MedPeft.Lora.Data;
using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Benchmarks;

/// <summary>An epoch of the loader over radiographs of 1024² in batches of 8 with the augmentations of training, to 224²: decoded each time, or from a cache. The verb <c>images</c> sets them against Pillow.</summary>
public class LoaderBenchmarks : IDisposable
{
    private const int Images = 64;

    private readonly string _folder = Directory.CreateTempSubdirectory("medpeft-loader-").FullName;
    private PixelCache? _cache;
    private ImageLoader? _loader;

    /// <summary>Where the pixels come from: a kind of file, or the short side of a cache.</summary>
    [Params("plain{0}.png", "photo{0}.jpg", "jpeg{0}.dcm", "cache 1024", "cache 512", "cache 256")]
    public string Source { get; set; } = "";

    /// <summary>Threads that decode.</summary>
    [Params(1, 2)]
    public int Threads { get; set; }

    /// <summary>Draws the radiographs and makes the loader.</summary>
    [GlobalSetup]
    public void Setup()
    {
        var files = new ImageFiles(_folder, Images, 1024);
        var set = files.Set(Source.StartsWith("cache", StringComparison.Ordinal) ? "plain{0}.png" : Source);
        if (Source.StartsWith("cache", StringComparison.Ordinal)) _cache = files.Cache(int.Parse(Source.AsSpan(6), System.Globalization.CultureInfo.InvariantCulture)).Cache;
        _loader = new ImageLoader(set, ImagePipeline.Train(224, Normalization.Mrm), new ImageLoaderOptions { BatchSize = 8, Threads = Threads, Read = _cache is null ? null : _cache.Read });
    }

    /// <summary>All images once.</summary>
    [Benchmark(OperationsPerInvoke = Images)]
    public void Image()
    {
        foreach (var batch in _loader!.Epoch(0)) batch.Dispose();
    }

    /// <summary>Deletes the files.</summary>
    [GlobalCleanup]
    public void Dispose()
    {
        _loader?.Dispose();
        _cache?.Dispose();
        Directory.Delete(_folder, recursive: true);
        GC.SuppressFinalize(this);
    }
}

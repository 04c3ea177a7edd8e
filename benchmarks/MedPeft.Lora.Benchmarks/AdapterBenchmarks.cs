using BenchmarkDotNet.Attributes;
using MedPeft.Lora.Vision;

namespace MedPeft.Lora.Benchmarks;

/// <summary>What is done with adapters once, on ViT-B/16: putting LoRA (rank 4 on q and v) in and out, merging it and back, saving it, loading it into the plain model.</summary>
public class AdapterBenchmarks : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("medpeft-adapters-").FullName;
    private VisionTransformer? _plain, _adapted;
    private LoraAdapter? _lora;

    /// <summary>Makes a plain and an adapted model, and a saved adapter.</summary>
    [GlobalSetup]
    public void Setup()
    {
        (_plain, _adapted) = (new VisionTransformer(ViTConfig.Base16), new VisionTransformer(ViTConfig.Base16));
        _lora = _adapted.InjectLora(TrainingStep.Paper);
        _lora.Save(Path.Combine(_folder, "saved"));
    }

    /// <summary>In and out again.</summary>
    [Benchmark]
    public void InjectAndRemove() => _plain!.InjectLora(TrainingStep.Paper).Remove();

    /// <summary>The update into the weights, in float64 and rounded once, and every bit back.</summary>
    [Benchmark]
    public void MergeAndUnmerge()
    {
        _lora!.Merge();
        _lora.Unmerge();
    }

    /// <summary>To the disk, atomically, with the fingerprint of the base.</summary>
    [Benchmark]
    public void Save() => _lora!.Save(Path.Combine(_folder, "written"));

    /// <summary>From the disk into the plain model, with the check that it is the right one, and out again.</summary>
    [Benchmark]
    public void LoadAndRemove() => _plain!.LoadLora(Path.Combine(_folder, "saved")).Remove();

    /// <summary>Frees them.</summary>
    [GlobalCleanup]
    public void Dispose()
    {
        _plain?.Dispose();
        _adapted?.Dispose();
        Directory.Delete(_folder, recursive: true);
        GC.SuppressFinalize(this);
    }
}

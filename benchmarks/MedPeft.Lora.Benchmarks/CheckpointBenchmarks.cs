using BenchmarkDotNet.Attributes;
using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Vision;

namespace MedPeft.Lora.Benchmarks;

/// <summary>A checkpoint of ViT-B/16 of 343 MB: its table of contents, one tensor of it, and a model made of it. The verb <c>load</c> measures the same with the peak memory.</summary>
public class CheckpointBenchmarks : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("medpeft-checkpoints-").FullName;

    /// <summary>Which kind of file.</summary>
    [Params("vit.safetensors", "vit.pth")]
    public string File { get; set; } = "";

    private string Path => System.IO.Path.Combine(_folder, File);

    /// <summary>Writes the files.</summary>
    [GlobalSetup]
    public void Setup() => CheckpointLoading.Write(_folder);

    /// <summary>Names, types and shapes.</summary>
    [Benchmark]
    public int Describe()
    {
        using var file = Checkpoint.Open(Path);
        return file.Tensors.Count;
    }

    /// <summary>A single tensor.</summary>
    [Benchmark]
    public long OneTensor()
    {
        using var file = Checkpoint.Open(Path);
        using var tensor = file.Read(file.Tensors.Keys.First(name => name.EndsWith("blocks.11.mlp.fc2.weight", StringComparison.Ordinal)));
        return tensor.numel();
    }

    /// <summary>A model of it.</summary>
    [Benchmark]
    public void Model() => VisionTransformer.FromCheckpoint(Path, ViTConfig.Base16).Dispose();

    /// <summary>Deletes the files.</summary>
    [GlobalCleanup]
    public void Dispose()
    {
        Directory.Delete(_folder, recursive: true);
        GC.SuppressFinalize(this);
    }
}

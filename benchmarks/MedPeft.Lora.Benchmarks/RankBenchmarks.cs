using BenchmarkDotNet.Attributes;

namespace MedPeft.Lora.Benchmarks;

/// <summary>One training step of LoRA on ViT-B/16 at 224 px over the rank: what a wider update costs.</summary>
public class RankBenchmarks : IDisposable
{
    private TrainingStep? _step;

    /// <summary>Rank of each block's update.</summary>
    [Params(1, 4, 16, 64)]
    public int Rank { get; set; }

    /// <summary>Makes the model once.</summary>
    [GlobalSetup]
    public void Setup() => _step = new TrainingStep(Trained.Lora, 4, rank: Rank);

    /// <summary>The step.</summary>
    [Benchmark]
    public float Step() => _step!.Step();

    /// <summary>Frees it.</summary>
    [GlobalCleanup]
    public void Dispose()
    {
        _step?.Dispose();
        GC.SuppressFinalize(this);
    }
}

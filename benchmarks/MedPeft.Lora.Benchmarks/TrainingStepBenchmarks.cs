using BenchmarkDotNet.Attributes;

namespace MedPeft.Lora.Benchmarks;

/// <summary>One training step of ViT-B/16 at 224 px in float32: adapters against everything against the head alone.</summary>
public class TrainingStepBenchmarks : IDisposable
{
    private TrainingStep? _step;

    /// <summary>What trains.</summary>
    [Params(Trained.Full, Trained.Lora, Trained.Probe)]
    public Trained Trained { get; set; }

    /// <summary>Images a step.</summary>
    [Params(4)]
    public int Batch { get; set; }

    /// <summary>Makes the model once.</summary>
    [GlobalSetup]
    public void Setup() => _step = new TrainingStep(Trained, Batch);

    /// <summary>Frees it.</summary>
    [GlobalCleanup]
    public void Dispose()
    {
        _step?.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>The step.</summary>
    [Benchmark]
    public float Step() => _step!.Step();
}

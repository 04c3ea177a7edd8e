using BenchmarkDotNet.Attributes;

namespace MedPeft.Lora.Benchmarks;

/// <summary>Benchmarks of a training step: made once, run many times, freed.</summary>
public abstract class StepBenchmarks : IDisposable
{
    private TrainingStep? _step;

    /// <summary>Makes the model once.</summary>
    [GlobalSetup]
    public void Setup() => _step = Make();

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

    /// <summary>The step of the parameters at hand.</summary>
    protected abstract TrainingStep Make();
}

using BenchmarkDotNet.Attributes;
using MedPeft.Lora.Training;
using static TorchSharp.torch;

namespace MedPeft.Lora.Benchmarks;

/// <summary>One training step of ViT-B/16 at 224 px: adapters against everything against the head alone, over batch, precision and device. The verb <c>step</c> tells the peak memory.</summary>
public class TrainingStepBenchmarks : StepBenchmarks
{
    /// <summary>The CPU, and CUDA where there is one.</summary>
    public static IEnumerable<string> Devices => cuda.is_available() ? ["cpu", "cuda"] : ["cpu"];

    /// <summary>What trains.</summary>
    [Params(Trained.Full, Trained.Lora, Trained.Probe)]
    public Trained Trained { get; set; }

    /// <summary>Images a step.</summary>
    [Params(4, 16)]
    public int Batch { get; set; }

    /// <summary>What the frozen backbone computes in.</summary>
    [Params(Precision.Float32, Precision.BFloat16)]
    public Precision Precision { get; set; }

    /// <summary>Where.</summary>
    [ParamsSource(nameof(Devices))]
    public string Device { get; set; } = "cpu";

    /// <inheritdoc/>
    protected override TrainingStep Make() => new(Trained, Batch, Device, precision: Precision);
}

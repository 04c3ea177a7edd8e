using BenchmarkDotNet.Attributes;

namespace MedPeft.Lora.Benchmarks;

/// <summary>One training step of LoRA on ViT-B/16 at 224 px over the rank: what a wider update costs.</summary>
public class RankBenchmarks : StepBenchmarks
{
    /// <summary>Rank of each block's update.</summary>
    [Params(1, 4, 16, 64)]
    public int Rank { get; set; }

    /// <inheritdoc/>
    protected override TrainingStep Make() => new(Trained.Lora, 4, rank: Rank);
}

using BenchmarkDotNet.Attributes;
using MedPeft.Lora.Metrics;

namespace MedPeft.Lora.Benchmarks;

/// <summary>AUROC of 14 labels, over the number of cases and of threads.</summary>
public class AurocBenchmarks
{
    private static readonly string[] Names = [.. Enumerable.Range(0, 14).Select(k => $"label {k}")];

    private float[] _scores = [], _labels = [];

    /// <summary>Cases.</summary>
    [Params(1_000, 10_000, 100_000, 1_000_000)]
    public int Cases { get; set; }

    /// <summary>Threads at most.</summary>
    [Params(1, 2)]
    public int Threads { get; set; }

    /// <summary>Draws scores and labels: positives score a little higher, one case in ten is positive.</summary>
    [GlobalSetup]
    public void Setup()
    {
        var random = new Random(1);
        (_scores, _labels) = (new float[Cases * Names.Length], new float[Cases * Names.Length]);
        for (var i = 0; i < _scores.Length; i++)
        {
            _labels[i] = random.NextDouble() < .1 ? 1 : 0;
            _scores[i] = (float)(random.NextDouble() + random.NextDouble() + (.4 * _labels[i]));
        }
    }

    /// <summary>All labels and their mean.</summary>
    [Benchmark]
    public double Macro() => Auroc.PerLabel(_scores, _labels, Names, Threads).Macro;
}

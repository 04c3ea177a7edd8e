using BenchmarkDotNet.Attributes;
using MedPeft.Lora.Training;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Benchmarks;

/// <summary>One AdamW step over the adapters of ViT-B/16 (rank 4 on q and v: 24 factors A and B, head, last norm): the library's against TorchSharp's.</summary>
public class OptimizerBenchmarks : IDisposable
{
    private readonly List<(string Name, Parameter Parameter)> _ours = [], _theirs = [];
    private Optimizer? _library;
    private optim.Optimizer? _torchSharp;

    /// <summary>Makes the same parameters twice, each with a gradient.</summary>
    [GlobalSetup]
    public void Setup()
    {
        foreach (var list in new[] { _ours, _theirs })
        {
            for (var block = 0; block < 12; block++)
            {
                list.Add(($"blocks.{block}.attn.qkv.lora_A.weight", Made(8, 768)));
                list.Add(($"blocks.{block}.attn.qkv.lora_B.weight", Made(1536, 4)));
            }

            list.AddRange([("fc_norm.weight", Made(768)), ("fc_norm.bias", Made(768)), ("head.weight", Made(14, 768)), ("head.bias", Made(14))]);
        }

        var options = new TrainingOptions { Optimizer = OptimizerKind.AdamW, WeightDecay = .05 };
        var decayed = new ParameterGroup([.. _ours.Where(entry => entry.Parameter.dim() > 1)], 1, .05);
        var plain = new ParameterGroup([.. _ours.Where(entry => entry.Parameter.dim() == 1)], 1, 0);
        _library = Optimizer.For([decayed, plain], options);
        _torchSharp = optim.AdamW([.. _theirs.Select(entry => entry.Parameter)], lr: 1e-3, weight_decay: .05);
        foreach (var (_, parameter) in _ours.Concat(_theirs)) parameter.grad = rand_like(parameter);
    }

    /// <summary>The library's.</summary>
    [Benchmark]
    public void Library() => _library!.Step(1e-3);

    /// <summary>The library's with the norm of the gradient, as the trainer takes it.</summary>
    [Benchmark]
    public void LibraryWithNorm()
    {
        _library!.Gather();
        _library.Apply(1e-3);
    }

    /// <summary>TorchSharp's.</summary>
    [Benchmark(Baseline = true)]
    public void TorchSharp() => _torchSharp!.step();

    /// <summary>Frees them.</summary>
    [GlobalCleanup]
    public void Dispose()
    {
        _library?.Dispose();
        _torchSharp?.Dispose();
        GC.SuppressFinalize(this);
    }

    private static Parameter Made(params long[] shape) => new(rand(shape));
}

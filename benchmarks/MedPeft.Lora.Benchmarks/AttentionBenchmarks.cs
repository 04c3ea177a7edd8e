using BenchmarkDotNet.Attributes;
using static TorchSharp.torch;

namespace MedPeft.Lora.Benchmarks;

/// <summary>Attention of one block of ViT-B/16 (12 heads of 64, 197 tokens), forward: fused, or scores, softmax and mix written out. Which is faster depends on the type, and the library chooses by it.</summary>
public class AttentionBenchmarks : IDisposable
{
    private Tensor? _q, _k, _v;

    /// <summary>Type of the activations.</summary>
    [Params(ScalarType.Float32, ScalarType.BFloat16)]
    public ScalarType Type { get; set; }

    /// <summary>Images.</summary>
    [Params(4, 16)]
    public int Batch { get; set; }

    /// <summary>Draws queries, keys and values.</summary>
    [GlobalSetup]
    public void Setup() => (_q, _k, _v) = (Drawn(), Drawn(), Drawn());

    /// <summary>One kernel.</summary>
    [Benchmark(Baseline = true)]
    public void Fused()
    {
        using var none = no_grad();
        nn.functional.scaled_dot_product_attention(_q!, _k!, _v!).Dispose();
    }

    /// <summary>Three products and a softmax.</summary>
    [Benchmark]
    public void WrittenOut()
    {
        using var none = no_grad();
        using Tensor q = Flat(_q!), k = Flat(_k!), v = Flat(_v!), turned = k.transpose(1, 2), scores = q.bmm(turned);
        scores.mul_(.125);
        using var weights = scores.softmax(-1);
        weights.bmm(v).Dispose();
    }

    /// <summary>Frees them.</summary>
    [GlobalCleanup]
    public void Dispose()
    {
        _q?.Dispose();
        _k?.Dispose();
        _v?.Dispose();
        GC.SuppressFinalize(this);
    }

    private static Tensor Flat(Tensor x) => x.view(-1, x.shape[2], x.shape[3]);

    private Tensor Drawn() => randn(Batch, 12, 197, 64).to(Type);
}

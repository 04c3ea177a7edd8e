using System.Collections.Concurrent;
using System.Numerics;
using System.Runtime.Intrinsics.X86;

namespace MedPeft.Lora.Imaging;

/// <summary>The weights of one axis of a resampling: which input pixels make an output pixel, and by how much, as Pillow quantises them.</summary>
/// <remarks>Pillow computes each weight in double, divides by their sum and keeps 22 bits after the point, so equal bytes need equal weights.</remarks>
internal sealed class ResampleKernel
{
    /// <summary>Bits after the binary point of a weight.</summary>
    public const int Precision = 22;

    private const int CacheLimit = 64 << 20;

    private static readonly ConcurrentDictionary<Key, ResampleKernel> Cache = new();

    private static long _cachedBytes;

    private ResampleKernel(Key key)
    {
        var scale = (double)key.Input / key.Output;
        var filterScale = Math.Max(scale, 1.0);
        var support = (key.Interpolation == Interpolation.Bicubic ? 2.0 : 1.0) * filterScale;
        var inverse = 1.0 / filterScale;
        Taps = (int)Math.Ceiling(support) * 2 + 1;
        Stride = (Taps + Vector<int>.Count - 1) / Vector<int>.Count * Vector<int>.Count;
        First = new int[key.Count];
        Used = new int[key.Count];
        Weights = new int[checked(key.Count * Stride)];
        var exact = new double[Taps];
        for (var i = 0; i < key.Count; i++)
        {
            var center = (key.Start + i + 0.5) * scale;
            var first = Math.Max(0, (int)(center - support + 0.5));
            var count = Math.Min(key.Input, (int)(center + support + 0.5)) - first;
            var sum = 0.0;
            for (var t = 0; t < count; t++)
            {
                var at = (t + first - center + 0.5) * inverse;
                sum += exact[t] = key.Interpolation == Interpolation.Bicubic ? Cubic(at) : Linear(at);
            }

            (First[i], Used[i]) = (first, count);
            for (var t = 0; t < count; t++)
            {
                var weight = (sum != 0 ? exact[t] / sum : exact[t]) * (1 << Precision);
                Weights[i * Stride + t] = (int)(weight < 0 ? weight - 0.5 : weight + 0.5);
            }

            Most = Math.Max(Most, count);
        }

        Parts = Avx2.IsSupported ? Avx2Columns.Split(Weights, key.Count, Stride, Most) : [];
    }

    /// <summary>The first input pixel of each output pixel.</summary>
    public int[] First { get; }

    /// <summary>How many input pixels each output pixel takes.</summary>
    public int[] Used { get; }

    /// <summary>Weights, [output, <see cref="Stride"/>]; zero beyond <see cref="Used"/>.</summary>
    public int[] Weights { get; }

    /// <summary>The most input pixels an output pixel may take.</summary>
    public int Taps { get; }

    /// <summary><see cref="Taps"/> rounded up to whole vectors.</summary>
    public int Stride { get; }

    /// <summary>The most input pixels an output pixel does take.</summary>
    public int Most { get; }

    /// <summary>The weights as <see cref="Avx2Columns"/> takes them; empty where the processor cannot.</summary>
    public short[] Parts { get; }

    /// <summary>The weights of <paramref name="count"/> output pixels from <paramref name="start"/> on, from the cache where it has them.</summary>
    public static ResampleKernel For(Interpolation interpolation, int input, int output, int start, int count)
    {
        var key = new Key(interpolation, input, output, start, count);
        if (Cache.TryGetValue(key, out var kernel)) return kernel;
        kernel = new ResampleKernel(key);
        // Random crops of large images ask for hundreds of sizes: kept while they fit, computed again afterwards.
        var bytes = 4L * kernel.Weights.Length + 2L * kernel.Parts.Length + 8L * count;
        if (Interlocked.Add(ref _cachedBytes, bytes) > CacheLimit || !Cache.TryAdd(key, kernel)) Interlocked.Add(ref _cachedBytes, -bytes);
        return kernel;
    }

    private static double Cubic(double x)
    {
        const double a = -0.5;
        x = Math.Abs(x);
        if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
        if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
        return 0.0;
    }

    private static double Linear(double x)
    {
        x = Math.Abs(x);
        return x < 1.0 ? 1.0 - x : 0.0;
    }

    private readonly record struct Key(Interpolation Interpolation, int Input, int Output, int Start, int Count);
}

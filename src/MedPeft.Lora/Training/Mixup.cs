using MedPeft.Lora.Common;
using MedPeft.Lora.Imaging;
using static TorchSharp.torch;

namespace MedPeft.Lora.Training;

/// <summary>Mixes each image of a batch, and its labels, with the one as far from the other end (Zhang et al. 2018, arXiv:1710.09412; the pairs as timm forms them).</summary>
internal static class Mixup
{
    /// <summary>share·x + (1 − share)·x reversed; NaN stays NaN, so a label missing in one is missing in the mixture.</summary>
    /// <returns>A new tensor, caller owns.</returns>
    public static Tensor Mix(Tensor values, double share)
    {
        using var reversed = values.flip(0L);
        return values.Times(share).PlusInPlace(reversed, 1 - share);
    }

    /// <summary>The share of one batch, from Beta(α, α).</summary>
    public static double Share(double alpha, ulong seed, int epoch, int batch)
    {
        var random = SampleRandom.For(seed, epoch, -2 - batch); // no image has this position, and -1 is the order's
        var (a, b) = (Gamma(alpha, ref random), Gamma(alpha, ref random));
        return a + b > 0 ? a / (a + b) : .5;
    }

    // Marsaglia and Tsang 2000; a shape below 1 is drawn one higher and brought down by a power of a uniform number.
    private static double Gamma(double shape, ref SampleRandom random)
    {
        if (shape < 1) return Gamma(shape + 1, ref random) * Math.Pow(1 - random.NextDouble(), 1 / shape);
        var d = shape - 1.0 / 3;
        var c = 1 / Math.Sqrt(9 * d);
        while (true)
        {
            var x = random.NextGaussian();
            var v = Math.Pow(1 + c * x, 3);
            if (v > 0 && Math.Log(1 - random.NextDouble()) < .5 * x * x + d - d * v + d * Math.Log(v)) return d * v;
        }
    }
}

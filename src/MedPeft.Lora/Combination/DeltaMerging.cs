using MedPeft.Lora.Common;
using static TorchSharp.torch;

namespace MedPeft.Lora.Combination;

/// <summary>Several changes of one weight made into one.</summary>
internal static class DeltaMerging
{
    /// <summary>Combines changes of the weight; the caller's dispose scope takes the temporaries.</summary>
    /// <param name="deltas">The changes, of one shape, float64, and their weights.</param>
    /// <param name="options">How.</param>
    /// <param name="generator">Of the entries that DARE drops.</param>
    public static Tensor Of(IReadOnlyList<(Tensor Delta, double Weight)> deltas, CombinationOptions options, Generator generator) => options.Method switch
    {
        CombinationMethod.Ties => Elected(deltas.Select(part => Trimmed(part.Delta, options.Density).Times(part.Weight))),
        CombinationMethod.Dare => Sum(deltas.Select(part => Dropped(part.Delta, options.Density, generator).Times(part.Weight))),
        CombinationMethod.DareTies => Elected(deltas.Select(part => Dropped(part.Delta, options.Density, generator).Times(part.Weight))),
        CombinationMethod.MagnitudePruning => Sum(deltas.Select(part => Trimmed(part.Delta, options.Density).Times(part.Weight))),
        _ => Sum(deltas.Select(part => part.Delta.Times(part.Weight))),
    };

    private static Tensor Sum(IEnumerable<Tensor> parts) => parts.Aggregate((sum, part) => sum.Plus(part));

    // Only the entries of largest magnitude.
    private static Tensor Trimmed(Tensor delta, double density)
    {
        if (density == 1) return delta;
        var magnitude = delta.abs();
        var (largest, _) = magnitude.flatten().topk((int)Math.Ceiling(density * delta.numel()));
        return delta.mul(magnitude.ge(largest[^1]).to(delta.dtype));
    }

    // Each entry survives by chance, and those that do stand for the others.
    private static Tensor Dropped(Tensor delta, double density, Generator generator)
    {
        if (density == 1) return delta;
        var kept = empty(delta.shape, ScalarType.Float64).bernoulli_(density, generator).to(delta.dtype, delta.device);
        return delta.mul(kept).Times(1 / density);
    }

    // The sign with the larger total wins, and the mean is over the parts that agree with it.
    private static Tensor Elected(IEnumerable<Tensor> weighted)
    {
        var all = stack([.. weighted], 0); // [P, ...]
        var agree = all.sign().eq(all.sum(0L).sign().unsqueeze(0)).logical_and(all.ne(zeros_like(all))).to(all.dtype);
        return all.mul(agree).sum(0L).div(agree.sum(0L).AtLeast(1));
    }
}

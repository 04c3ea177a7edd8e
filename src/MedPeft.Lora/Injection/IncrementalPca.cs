using MedPeft.Lora.Common;
using static TorchSharp.torch;

namespace MedPeft.Lora.Injection;

/// <summary>The first principal components of rows that come in batches, and the share of the variance that each explains.</summary>
/// <remarks>Ross et al. 2008, "Incremental Learning for Robust Visual Tracking": what is kept of the past and a batch, both without their means, and a row for how far these lie apart, are decomposed anew.</remarks>
internal sealed class IncrementalPca(int most) : IDisposable
{
    private const double Rounding = 1e-12; // inputs that vary by less, against their mean, do not vary at all

    private Tensor? _components, _before, _singular, _mean, _squares; // [k, C], those of the last batch, [k], [C], sum of squared deviations [C]

    /// <summary>Rows seen.</summary>
    public long Count { get; private set; }

    /// <summary>Takes a batch in.</summary>
    /// <param name="batch">[n, C].</param>
    public void Add(Tensor batch)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var rows = batch.to(batch.dtype == ScalarType.Float64 ? ScalarType.Float64 : ScalarType.Float32);
        var added = rows.shape[0];
        if (added == 0) return;
        var mean = rows.mean([0L]); // [C]
        var centred = rows.Minus(mean);
        var squares = centred.mul(centred).sum([0L]);
        Tensor total, stacked;
        if (_components is null) (total, stacked) = (mean, centred);
        else
        {
            var all = Count + added;
            var apart = _mean!.Minus(mean);
            total = _mean!.Times((double)Count / all).Plus(mean.Times((double)added / all));
            squares = squares.Plus(_squares!).Plus(apart.mul(apart).Times((double)Count * added / all));
            stacked = cat([_components.mul(_singular!.unsqueeze(1)), centred, apart.Times(Math.Sqrt((double)Count * added / all)).unsqueeze(0)], 0);
        }
        var (_, s, vh) = linalg.svd(stacked, fullMatrices: false);
        var kept = Math.Min(most, s.shape[0]);
        Count += added;
        _before?.Dispose();
        (_before, _components) = (_components, Own(vh.narrow(0, 0, kept)));
        Replace(ref _singular, s.narrow(0, 0, kept));
        Replace(ref _mean, total);
        Replace(ref _squares, squares);
    }

    /// <summary>The share of the variance that each component explains, the largest first.</summary>
    public IReadOnlyList<double> Shares()
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var all = _squares!.sum().to(ScalarType.Float64).item<double>();
        var constant = _mean!.mul(_mean).sum().to(ScalarType.Float64).item<double>() * Count;
        return all <= Rounding * constant ? [] : [.. _singular!.mul(_singular).to(CPU).to(ScalarType.Float64).data<double>().ToArray().Select(value => value / all)];
    }

    /// <summary>True if the first components have kept their direction (|cos| ≥ tau) in the last batch.</summary>
    public bool Steady(int rank, double tau)
    {
        if (rank == 0) return true;
        if (_before is null || _before.shape[0] < rank || _components!.shape[0] < rank) return false;
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var cosines = _before.narrow(0, 0, rank).mul(_components.narrow(0, 0, rank)).sum([1L]).abs();
        return cosines.min().to(ScalarType.Float64).item<double>() >= tau;
    }

    /// <summary>The first components.</summary>
    /// <returns>[rank, C] with orthonormal rows, caller owns.</returns>
    public Tensor First(int rank) => _components!.narrow(0, 0, rank);

    public void Dispose()
    {
        foreach (var tensor in new[] { _components, _before, _singular, _mean, _squares }) tensor?.Dispose();
    }

    private static Tensor Own(Tensor tensor) => tensor.clone().DetachFromDisposeScope();

    private static void Replace(ref Tensor? slot, Tensor value)
    {
        slot?.Dispose();
        slot = Own(value);
    }
}

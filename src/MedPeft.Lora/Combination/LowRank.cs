using static TorchSharp.torch;

namespace MedPeft.Lora.Combination;

/// <summary>Matrices as products of small factors.</summary>
internal static class LowRank
{
    /// <summary>The rank that keeps a share of the squared singular values of each matrix.</summary>
    /// <param name="matrices">[G, rows, columns], float64.</param>
    /// <param name="energy">The share, in (0, 1].</param>
    /// <returns>At least 1.</returns>
    public static int RankFor(Tensor matrices, double energy)
    {
        using var scope = NewDisposeScope();
        var (_, values, _) = linalg.svd(matrices, fullMatrices: false); // [G, k]
        var rank = 1;
        foreach (var group in Enumerable.Range(0, (int)values.shape[0]))
        {
            var squares = values[group].to(ScalarType.Float64).cpu().data<double>().Select(value => value * value).ToArray();
            double total = squares.Sum(), kept = 0;
            // What float64 rounds off is no energy: an update of rank r is found to have rank r even where all of it is wanted.
            for (var r = 0; r < squares.Length && kept < energy * total * (1 - 1e-14); r++)
            {
                kept += squares[r];
                rank = Math.Max(rank, r + 1);
            }
        }
        return rank;
    }

    /// <summary>The best factors of a rank (Eckart and Young 1936) by the SVD: A = √S·Vᵀ and B = U·√S.</summary>
    /// <param name="matrices">[G, rows, columns], float64.</param>
    /// <param name="rank">At most the smaller side.</param>
    /// <returns>[G, r, columns] and [G, rows, r], caller owns, and the share of the squared singular values that they keep; 1 for zeros.</returns>
    public static (Tensor A, Tensor B, double Kept) Factor(Tensor matrices, int rank)
    {
        using var scope = NewDisposeScope();
        var (u, values, vh) = linalg.svd(matrices, fullMatrices: false);
        var kept = values.narrow(-1, 0, rank);
        var root = kept.sqrt();
        double total = values.mul(values).sum().to(ScalarType.Float64).item<double>(), share = kept.mul(kept).sum().to(ScalarType.Float64).item<double>();
        return (vh.narrow(1, 0, rank).mul(root.unsqueeze(-1)).MoveToOuterDisposeScope(), u.narrow(2, 0, rank).mul(root.unsqueeze(1)).MoveToOuterDisposeScope(), total == 0 ? 1 : share / total);
    }
}

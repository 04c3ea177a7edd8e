namespace MedPeft.Lora;

/// <summary>How <see cref="AdapterSet.Combine"/> makes one adapter of several. All work on the changes of the weights, ΔW, never on the factors by themselves.</summary>
public enum CombinationMethod
{
    /// <summary>The weighted sum, exactly: the factors side by side. The rank is the sum of the ranks. Not for DoRA, whose changes are of full rank.</summary>
    Concatenation,

    /// <summary>The weighted sum, cut to a rank by the SVD; without <see cref="CombinationOptions.Rank"/> to one that cuts nothing.</summary>
    Svd,

    /// <summary>The weighted sum, cut to a rank by the SVD; without <see cref="CombinationOptions.Rank"/> to the largest of the ranks, so that the result is as small as one adapter.</summary>
    Linear,

    /// <summary>TIES: of each change the entries of largest magnitude; then, entry by entry, the sign with the larger weighted total and the mean of those that agree (Yadav et al. 2023, arXiv:2306.01708).</summary>
    Ties,

    /// <summary>DARE: of each change a random share of the entries, scaled up to stand for all, and the weighted sum (Yu et al. 2023, arXiv:2311.03099).</summary>
    Dare,

    /// <summary>DARE's random share, then the signs and means of TIES.</summary>
    DareTies,

    /// <summary>Of each change the entries of largest magnitude, and the weighted sum.</summary>
    MagnitudePruning,
}

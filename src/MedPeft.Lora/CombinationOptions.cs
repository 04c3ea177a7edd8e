using System.Globalization;
using MedPeft.Lora.Common;

namespace MedPeft.Lora;

/// <summary>How adapters are combined.</summary>
public sealed record CombinationOptions
{
    /// <summary>The method. The default is <see cref="CombinationMethod.Concatenation"/>, which is exact.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is none of the names.</exception>
    public CombinationMethod Method
    {
        get;
        init => field = Enum.IsDefined(value) ? value : throw new ArgumentOutOfRangeException(nameof(Method), $"Method is {(int)value}, which is none of the methods.");
    }

    /// <summary>Rank of the result, for each block where the parts have blocks; at most what a layer can hold. Null, the default, is the largest of the ranks, but the full one for <see cref="CombinationMethod.Svd"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is below 1.</exception>
    public int? Rank { get; init => field = value is null ? null : Require.AtLeastOne(value.Value, nameof(Rank)); }

    /// <summary>Share of the entries of each change that TIES, DARE and pruning keep. The default is 0.5.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is not in (0, 1].</exception>
    public double Density
    {
        get;
        init => field = value is > 0 and <= 1 ? value : throw new ArgumentOutOfRangeException(nameof(Density), string.Create(CultureInfo.InvariantCulture, $"Density is {value}; it must be above 0 and at most 1."));
    } = .5;

    /// <summary>Seed of the entries that DARE drops. The default is 0.</summary>
    public ulong Seed { get; init; }
}

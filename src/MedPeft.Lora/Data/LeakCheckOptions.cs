namespace MedPeft.Lora.Data;

/// <summary>How thoroughly <see cref="LeakCheck"/> looks. Patients and file names cost nothing and are always compared.</summary>
public sealed record LeakCheckOptions
{
    /// <summary>Whether to compare files by their bytes. Only files whose length occurs in both sets are read.</summary>
    /// <value>The default is false.</value>
    public bool Bytes { get; init; }

    /// <summary>Whether to compare images by their looks, which decodes every image of both sets.</summary>
    /// <value>The default is false.</value>
    public bool NearDuplicates { get; init; }

    /// <summary>The correlation of two 32x32 miniatures from which images count as near-duplicates.</summary>
    /// <value>The default is 0.99.</value>
    public double Correlation
    {
        get;
        init
        {
            if (value is not (> 0 and <= 1))
                throw new ArgumentOutOfRangeException(
                    nameof(Correlation), FormattableString.Invariant($"Found {value}; a correlation above 0 and at most 1 fits, such as 0.99."));
            field = value;
        }
    } = .99;

    /// <summary>Threads; 0 takes one for each core.</summary>
    /// <value>The default is 0.</value>
    public int Threads
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value, nameof(Threads));
            field = value;
        }
    }
}

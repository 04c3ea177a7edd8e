using System.Globalization;

namespace MedPeft.Lora;

/// <summary>Which layers are adapted, and how. A value: two with the same settings are equal; change one by <c>with</c>.</summary>
/// <remarks>Hu et al. 2022, arXiv:2106.09685. For the recipe of Lian et al. 2024 see the README.</remarks>
public sealed record LoraConfig
{
    /// <summary>Rank r of the update. With <see cref="Blocks"/> each block has this rank. The default is 8.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is below 1.</exception>
    public int Rank
    {
        get;
        init => field = value >= 1
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Rank), $"Rank is {value}; it must be at least 1, and 4 to 32 is usual.");
    } = 8;

    /// <summary>Numerator α of the scale α/r that the update is multiplied by. The default is 8.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is not a positive number.</exception>
    public double Alpha
    {
        get;
        init => field = value > 0 && double.IsFinite(value)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Alpha), string.Create(CultureInfo.InvariantCulture, $"Alpha is {value}; it must be a positive number: the update is scaled by Alpha / Rank."));
    } = 8;

    /// <summary>Probability by which an entry of the update's input is zeroed in training; the layer's own path sees all of it. The default is 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is not in [0, 1).</exception>
    public double Dropout
    {
        get;
        init => field = value is >= 0 and < 1
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Dropout), string.Create(CultureInfo.InvariantCulture, $"Dropout is {value}; it must be at least 0 and below 1."));
    }

    /// <summary>
    /// Names of the layers to adapt: a whole path (<c>blocks.0.attn.qkv</c>) or its end from a dot on (<c>qkv</c>, <c>attn.qkv</c>; <c>kv</c> does not match it).
    /// Each entry must match. The default is <c>["qkv"]</c>.
    /// </summary>
    /// <exception cref="ArgumentException">It is empty, or an entry is.</exception>
    public IReadOnlyList<string> Targets
    {
        get;
        init => field = Names(value, nameof(Targets), mayBeEmpty: false);
    } = ["qkv"];

    /// <summary>For fused attention layers: the projections to adapt, each with an update of its own. Null, the default, adapts the layer as a whole.</summary>
    /// <exception cref="ArgumentException">It is empty, names a block twice or one that does not exist.</exception>
    public IReadOnlyList<LoraBlock>? Blocks
    {
        get;
        init => field = value is null ? null : Checked(value, nameof(Blocks));
    }

    /// <summary>
    /// Modules (<c>head</c>, <c>fc_norm</c>) or single parameters (<c>pos_embed</c>) that are trained in full beside the adapters and saved with them,
    /// named as in <see cref="Targets"/>. Each entry must match. The default is none.
    /// </summary>
    /// <exception cref="ArgumentException">An entry is empty.</exception>
    public IReadOnlyList<string> Trainable
    {
        get;
        init => field = Names(value, nameof(Trainable), mayBeEmpty: true);
    } = [];

    /// <summary>Seed of the initial values; torch's own generators are left alone. The default is 0.</summary>
    public ulong Seed { get; init; }

    /// <summary>The factor of the update, α/r.</summary>
    public double Scale => Alpha / Rank;

    /// <summary>True if all settings are equal, lists entry by entry.</summary>
    /// <param name="other">The other configuration.</param>
    public bool Equals(LoraConfig? other) =>
        other is not null && Rank == other.Rank && Alpha.Equals(other.Alpha) && Dropout.Equals(other.Dropout) && Seed == other.Seed
        && Targets.SequenceEqual(other.Targets) && Trainable.SequenceEqual(other.Trainable)
        && (Blocks is null ? other.Blocks is null : other.Blocks is not null && Blocks.SequenceEqual(other.Blocks));

    /// <summary>A hash that equal configurations share.</summary>
    public override int GetHashCode() => HashCode.Combine(Rank, Alpha, Dropout, Seed, Targets.Count, Trainable.Count, Blocks?.Count);

    private static string[] Names(IReadOnlyList<string> value, string property, bool mayBeEmpty)
    {
        ArgumentNullException.ThrowIfNull(value, property);
        if (value.Count == 0 && !mayBeEmpty) throw new ArgumentException($"{property} is empty; name at least one layer, such as \"qkv\".", property);
        if (value.Any(string.IsNullOrWhiteSpace)) throw new ArgumentException($"{property} has an empty name; write a path such as \"blocks.0.attn.qkv\" or its end, \"qkv\".", property);
        return [.. value];
    }

    private static LoraBlock[] Checked(IReadOnlyList<LoraBlock> value, string property)
    {
        if (value.Count == 0) throw new ArgumentException("Blocks is empty; name at least one of Query, Key and Value, or leave it null to adapt the whole layer.", property);
        if (value.FirstOrDefault(block => !Enum.IsDefined(block), LoraBlock.Query) is var wrong && !Enum.IsDefined(wrong))
            throw new ArgumentException($"Blocks has {(int)wrong}, which is none of Query, Key and Value.", property);
        if (value.Distinct().Count() != value.Count) throw new ArgumentException($"Blocks [{string.Join(", ", value)}] names a block twice; name each at most once.", property);
        return [.. value.Order()]; // the order of the rows, whatever the order they were named in
    }
}

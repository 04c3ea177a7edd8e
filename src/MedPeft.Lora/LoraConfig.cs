using System.Globalization;
using System.Text.RegularExpressions;

namespace MedPeft.Lora;

/// <summary>Which layers are adapted, and how. A value: two with the same settings are equal; change one by <c>with</c>.</summary>
/// <remarks>
/// Hu et al. 2022, arXiv:2106.09685. Names are whole paths (<c>blocks.0.attn.qkv</c>) or their ends from a dot on (<c>qkv</c>, <c>attn.qkv</c>; <c>kv</c> is
/// no such end). Each name must match something in the model: a typo is an error, never an adapter less.
/// </remarks>
public sealed partial record LoraConfig
{
    /// <summary>Rank r of the update. With <see cref="Blocks"/> each block has this rank, in a grouped convolution each group. The default is 8.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is below 1.</exception>
    public int Rank { get; init => field = CheckedRank(value, nameof(Rank), nameof(Rank)); } = 8;

    /// <summary>Numerator α of the scale α/r that the update is multiplied by. The default is 8.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is not a positive number.</exception>
    public double Alpha { get; init => field = CheckedAlpha(value, nameof(Alpha), nameof(Alpha)); } = 8;

    /// <summary>Probability by which an entry of the update's input is zeroed in training; the layer's own path sees all of it. The default is 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is not in [0, 1).</exception>
    public double Dropout
    {
        get;
        init => field = value is >= 0 and < 1
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Dropout), string.Create(CultureInfo.InvariantCulture, $"Dropout is {value}; it must be at least 0 and below 1."));
    }

    /// <summary>Names of the layers to adapt: <c>Linear</c>, <c>Conv2d</c> or <c>Embedding</c>. The default is <c>["qkv"]</c>. Not used with <see cref="TargetPattern"/> or <see cref="AllLinear"/>.</summary>
    /// <exception cref="ArgumentException">It is empty, or an entry is.</exception>
    public IReadOnlyList<string> Targets { get; init => field = CheckedNames(value, nameof(Targets), mayBeEmpty: false); } = ["qkv"];

    /// <summary>A regular expression that the whole path of a layer must match, in the place of <see cref="Targets"/>: <c>blocks\.(8|9)\..*\.(qkv|fc2)</c>. The default is null.</summary>
    /// <exception cref="ArgumentException">It is no valid regular expression.</exception>
    public string? TargetPattern
    {
        get;
        init
        {
            if (value is not null) Pattern(value, nameof(TargetPattern));
            field = value;
        }
    }

    /// <summary>True adapts every <c>Linear</c> layer that <see cref="Trainable"/> does not train in full, in the place of <see cref="Targets"/>. The default is false.</summary>
    public bool AllLinear { get; init; }

    /// <summary>Names of layers, or of modules whose layers, are left as they are. The default is none.</summary>
    /// <exception cref="ArgumentException">An entry is empty.</exception>
    public IReadOnlyList<string> Exclude { get; init => field = CheckedNames(value, nameof(Exclude), mayBeEmpty: true); } = [];

    /// <summary>Names of modules that the adapted layers must lie in; a range names several, both ends included: <c>["blocks.8..11"]</c>. The default, none, is the whole model.</summary>
    /// <exception cref="ArgumentException">An entry is empty, or a range runs backwards.</exception>
    public IReadOnlyList<string> Within
    {
        get;
        init
        {
            var names = CheckedNames(value, nameof(Within), mayBeEmpty: true);
            foreach (var name in names) Injection.ModuleRange.Expand(name, nameof(Within));
            field = names;
        }
    } = [];

    /// <summary>For fused attention layers: the projections to adapt, each with an update of its own. Null, the default, adapts the layer as a whole.</summary>
    /// <exception cref="ArgumentException">It is empty, names a block twice or one that does not exist.</exception>
    public IReadOnlyList<LoraBlock>? Blocks { get; init => field = value is null ? null : CheckedBlocks(value, nameof(Blocks)); }

    /// <summary>Ranks of single layers, by name; where several names match a layer, the longest counts. The default is none.</summary>
    /// <exception cref="ArgumentException">A name is empty or a rank below 1.</exception>
    public IReadOnlyDictionary<string, int> RankPattern
    {
        get;
        init => field = Sorted(value, nameof(RankPattern), (rank, name) => CheckedRank(rank, $"RankPattern[\"{name}\"]", nameof(RankPattern)));
    } = new SortedDictionary<string, int>();

    /// <summary>Alphas of single layers, by name; where several names match a layer, the longest counts. The default is none.</summary>
    /// <exception cref="ArgumentException">A name is empty or an alpha not positive.</exception>
    public IReadOnlyDictionary<string, double> AlphaPattern
    {
        get;
        init => field = Sorted(value, nameof(AlphaPattern), (alpha, name) => CheckedAlpha(alpha, $"AlphaPattern[\"{name}\"]", nameof(AlphaPattern)));
    } = new SortedDictionary<string, double>();

    /// <summary>True scales by α/√r instead of α/r, so that ranks compare (rsLoRA, Kalajdzievski 2023, arXiv:2312.03732). The default is false.</summary>
    public bool RankStabilized { get; init; }

    /// <summary>True trains the norm of each output's weights beside their direction (DoRA, Liu et al. 2024, arXiv:2402.09353); for <c>Linear</c> and <c>Conv2d</c>. The default is false.</summary>
    /// <remarks>In training with dropout the layer's own term sees the whole input, as in LoRA; PEFT drops it there as well.</remarks>
    public bool Dora { get; init; }

    /// <summary>Which biases are trained beside the adapters. The default is none.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is none of the names.</exception>
    public LoraBias Bias
    {
        get;
        init => field = Enum.IsDefined(value) ? value : throw new ArgumentOutOfRangeException(nameof(Bias), $"Bias is {(int)value}, which is none of None, Adapted and All.");
    }

    /// <summary>
    /// Modules (<c>head</c>, <c>fc_norm</c>) or single parameters (<c>pos_embed</c>) that are trained in full beside the adapters and saved with them. The default is none.
    /// </summary>
    /// <exception cref="ArgumentException">An entry is empty.</exception>
    public IReadOnlyList<string> Trainable { get; init => field = CheckedNames(value, nameof(Trainable), mayBeEmpty: true); } = [];

    /// <summary>Seed of the initial values; torch's own generators are left alone. The default is 0.</summary>
    public ulong Seed { get; init; }

    /// <summary>The factor of the update where no pattern says otherwise: α/r, or α/√r with <see cref="RankStabilized"/>.</summary>
    public double Scale => RankStabilized ? Alpha / Math.Sqrt(Rank) : Alpha / Rank;

    /// <summary>The settings of one layer: its rank and alpha by the patterns.</summary>
    internal LoraConfig For(string path)
    {
        static T Of<T>(IReadOnlyDictionary<string, T> pattern, string path, T otherwise) =>
            pattern.Where(entry => Injection.ModulePath.Matches(entry.Key, path)).OrderByDescending(entry => entry.Key.Length).Select(entry => entry.Value).FirstOrDefault(otherwise);

        return this with { Rank = Of(RankPattern, path, Rank), Alpha = Of(AlphaPattern, path, Alpha) };
    }

    /// <summary>The pattern as a matcher of whole paths.</summary>
    internal static Regex Pattern(string pattern, string property)
    {
        try
        {
            return new Regex($"^(?:{pattern})$", RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1));
        }
        catch (ArgumentException e)
        {
            throw new ArgumentException($"{property} \"{pattern}\" is no regular expression: {e.Message}", property, e);
        }
    }
}

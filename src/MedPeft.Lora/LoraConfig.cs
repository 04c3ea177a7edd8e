using MedPeft.Lora.Injection;
using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>LoRA: a low-rank update beside each adapted layer. A value: two with the same settings are equal; change one by <c>with</c>.</summary>
/// <remarks>Hu et al. 2022, arXiv:2106.09685.</remarks>
public sealed partial record LoraConfig : AdapterConfig
{
    /// <summary>Rank r of the update. With <see cref="Blocks"/> each block has this rank, in a grouped convolution each group. The default is 8.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is below 1.</exception>
    public int Rank { get; init => field = CheckedRank(value, nameof(Rank), nameof(Rank)); } = 8;

    /// <summary>Numerator α of the scale α/r that the update is multiplied by. The default is 8.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is not a positive number.</exception>
    public double Alpha { get; init => field = CheckedAlpha(value, nameof(Alpha), nameof(Alpha)); } = 8;

    /// <summary>Probability by which an entry of the update's input is zeroed in training; the layer's own path sees all of it. The default is 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is not in [0, 1).</exception>
    public double Dropout { get; init => field = CheckedDropout(value, nameof(Dropout)); }

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

    /// <summary>How the factors start. The default is <see cref="LoraInitialization.KaimingUniform"/>.</summary>
    /// <remarks>
    /// With <see cref="LoraInitialization.Pissa"/> and <see cref="LoraInitialization.Olora"/> the update starts at a part of the weight, s·B₀A₀, which is subtracted.
    /// The papers subtract it from the weight itself; here the frozen factors A₀ and B₀ stay beside the trained ones, y = xWᵀ + b + s·(xAᵀBᵀ − xA₀ᵀB₀ᵀ). That is the
    /// same function with the same gradients at the price of a second low-rank product, but the weight keeps every bit, the layer starts bit-equal to its base,
    /// disabling and removing give the old model back, and nothing is lost to the rounding of W − s·B₀A₀ in half precision.
    /// </remarks>
    /// <exception cref="ArgumentOutOfRangeException">It is none of the names.</exception>
    public LoraInitialization Initialization
    {
        get;
        init => field = Enum.IsDefined(value)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Initialization), $"Initialization is {(int)value}, which is none of {string.Join(", ", Enum.GetNames<LoraInitialization>())}.");
    }

    /// <summary>True trains B only (LoRA-FA, Zhang et al. 2023, arXiv:2308.03303): a pass then keeps xAᵀ, of r channels, in the place of x. The default is false.</summary>
    public bool FreezeA { get; init; }

    /// <summary>The factor of the update where no pattern says otherwise: α/r, or α/√r with <see cref="RankStabilized"/>.</summary>
    public double Scale => RankStabilized ? Alpha / Math.Sqrt(Rank) : Alpha / Rank;

    /// <summary>The settings of one layer: its rank and alpha by the patterns.</summary>
    internal override LoraConfig For(string path)
    {
        static T Of<T>(IReadOnlyDictionary<string, T> pattern, string path, T otherwise) =>
            pattern.Where(entry => ModulePath.Matches(entry.Key, path)).OrderByDescending(entry => entry.Key.Length).Select(entry => entry.Value).FirstOrDefault(otherwise);

        return this with { Rank = Of(RankPattern, path, Rank), Alpha = Of(AlphaPattern, path, Alpha) };
    }

    internal override string Kinds => LayerKinds.All;

    internal override bool CanAdapt(nn.Module module) => LayerKinds.CanAdapt(module);

    internal override string? Misfit(nn.Module module, string name) => LayerKinds.Misfit(module, this, name);

    internal override IReadOnlyList<(string Name, long[] Shape)> Shapes(nn.Module module) => LayerKinds.Shapes(module, this);

    internal override AdapterLayer Adapt(nn.Module module, Generator generator) => LayerKinds.Adapt(module, this, generator);

    internal override bool Trains(string parameter) => parameter switch
    {
        LoraLayer.StartA or LoraLayer.StartB => false,
        "lora_A.weight" => !FreezeA,
        _ => true,
    };

    internal override LoraLayerInfo Info(string path, nn.Module module) =>
        new(path, module.GetType().Name, Rank, Alpha, Scale, Blocks, Dora, Added(module)) { Method = Method, Frozen = Added(module, trained: false) };

    private string Method => (Initialization, FreezeA) switch
    {
        (LoraInitialization.Pissa, false) => "PiSSA",
        (LoraInitialization.Olora, false) => "OLoRA",
        (LoraInitialization.Eva, false) => "EVA",
        (LoraInitialization.Pissa, true) => "PiSSA-FA",
        (LoraInitialization.Olora, true) => "OLoRA-FA",
        (LoraInitialization.Eva, true) => "EVA-FA",
        (_, true) => "LoRA-FA",
        _ => "LoRA",
    };
}

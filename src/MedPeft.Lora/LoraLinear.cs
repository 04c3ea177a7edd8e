using MedPeft.Lora.Native;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>A frozen linear layer plus a trainable low-rank update: y = xWᵀ + b + (α/r)·xAᵀBᵀ.</summary>
/// <remarks>
/// Hu et al. 2022, §4.1, arXiv:2106.09685. B starts at zero, so the layer starts equal to the one it adapts. With
/// <see cref="LoraConfig.Blocks"/> each of the G named blocks of a fused qkv has an update of its own, and only its rows are touched:
/// A is [G·r, in], B is [G·out/3, r]. The factors are float32 beside a half-precision layer and are cast to the input's type in each pass.
/// </remarks>
public sealed class LoraLinear : LoraLayer
{
    private const int Fused = 3; // query, key, value

    private readonly Linear _linear;
    private readonly IReadOnlyList<LoraBlock>? _blocks;

    /// <summary>Adapts a layer and freezes its own parameters.</summary>
    /// <param name="linear">The layer, [in] to [out]; kept, not copied.</param>
    /// <param name="config">Rank, alpha, dropout, blocks and seed; the names in it are not used.</param>
    /// <exception cref="LoraException">The rank is above what the layer can hold, or the layer is no fused qkv.</exception>
    public LoraLinear(Linear linear, LoraConfig config) : this(linear, config, null) { }

    internal LoraLinear(Linear linear, LoraConfig config, Generator? generator) : base(nameof(LoraLinear), linear, config, Factors(linear, config, generator)) =>
        (_linear, _blocks) = (linear, config.Blocks);

    /// <inheritdoc/>
    public override string Kind => nameof(Linear);

    /// <inheritdoc/>
    public override IReadOnlyList<LoraBlock>? Blocks => _blocks;

    private protected override Parameter Weight => _linear.weight;

    private long RowsPerBlock => Weight.shape[0] / Fused;

    /// <summary>What is wrong with adapting this layer so; null if nothing is.</summary>
    internal static string? Misfit(Linear linear, LoraConfig config, string name)
    {
        long inputs = linear.weight.shape[1], outputs = linear.weight.shape[0];
        if (config.Blocks is not null && outputs % Fused != 0)
            return $"{name} has {outputs} outputs, which is no multiple of {Fused}: Blocks [{string.Join(", ", config.Blocks)}] fits a fused qkv layer only. "
                + "Leave Blocks null to adapt the whole layer.";
        var rows = config.Blocks is null ? outputs : outputs / Fused;
        var most = Math.Min(inputs, rows);
        return config.Rank <= most
            ? null
            : $"Rank {config.Rank} is above what {name} can hold ({inputs} inputs, {rows} outputs{(config.Blocks is null ? "" : " a block")}); choose a rank of at most {most}.";
    }

    private protected override Tensor Update(Tensor input, Tensor output)
    {
        using var dropped = Dropout > 0 && training ? nn.functional.dropout(input, Dropout) : null;
        using var a = A.to(input.dtype);
        using var b = B.to(input.dtype);
        using var low = nn.functional.linear(dropped ?? input, a); // [..., G·r]
        if (Scale != 1) low.TimesInPlace(Scale); // here, where it is small: scaling the sum costs a pass over the output and one over its gradient
        if (_blocks is null)
        {
            using var delta = nn.functional.linear(low, b); // [..., out]
            return output.PlusInPlace(delta);
        }
        for (var g = 0; g < _blocks.Count; g++)
        {
            using var part = low.narrow(-1, g * Rank, Rank); // [..., r]
            using var factor = b.narrow(0, g * RowsPerBlock, RowsPerBlock); // [out/3, r]
            using var delta = nn.functional.linear(part, factor);
            using var rows = output.narrow(-1, (int)_blocks[g] * RowsPerBlock, RowsPerBlock);
            rows.PlusInPlace(delta);
        }
        return output;
    }

    private protected override Tensor ExactDelta()
    {
        using var a = A.to(ExactType(Weight));
        using var b = B.to(ExactType(Weight));
        if (_blocks is null) return b.mm(a).TimesInPlace(Scale); // [out, in]
        var dense = zeros(Weight.shape, a.dtype, a.device);
        for (var g = 0; g < _blocks.Count; g++)
        {
            using var low = a.narrow(0, g * Rank, Rank); // [r, in]
            using var high = b.narrow(0, g * RowsPerBlock, RowsPerBlock); // [out/3, r]
            using var delta = high.mm(low);
            using var rows = dense.narrow(0, (int)_blocks[g] * RowsPerBlock, RowsPerBlock);
            rows.PlusInPlace(delta.TimesInPlace(Scale));
        }
        return dense;
    }

    private static (string, Tensor)[] Factors(Linear linear, LoraConfig config, Generator? generator)
    {
        ArgumentNullException.ThrowIfNull(linear);
        ArgumentNullException.ThrowIfNull(config);
        if (Misfit(linear, config, "the layer") is { } misfit) throw new LoraException(misfit);
        using var own = generator is null ? new Generator(config.Seed) : null;
        long inputs = linear.weight.shape[1], outputs = linear.weight.shape[0];
        var (a, b) = config.Blocks is { Count: var count }
            ? (new[] { count * config.Rank, inputs }, new[] { count * (outputs / Fused), config.Rank })
            : (new[] { config.Rank, inputs }, new[] { outputs, config.Rank });
        return [("lora_A.weight", KaimingUniform(a, inputs, linear.weight, generator ?? own!)), ("lora_B.weight", Zeros(b, linear.weight))];
    }
}

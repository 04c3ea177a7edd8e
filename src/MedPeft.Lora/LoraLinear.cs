using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>A frozen linear layer plus a trainable low-rank update: y = xWᵀ + b + (α/r)·xAᵀBᵀ.</summary>
/// <remarks>
/// Hu et al. 2022, §4.1, arXiv:2106.09685. B starts at zero, so the layer starts equal to the one it adapts. With
/// <see cref="LoraConfig.Blocks"/> each of the G named blocks of a fused qkv has an update of its own, and only its rows are touched:
/// A is [G·r, in], B is [G·out/3, r]. The factors are float32 beside a half-precision layer and are cast to the input's type in each pass.
/// </remarks>
public sealed class LoraLinear : LoraProjection
{
    /// <summary>Adapts a layer and freezes its own parameters.</summary>
    /// <param name="linear">The layer, [in] to [out]; kept, not copied.</param>
    /// <param name="config">Rank, alpha, dropout, blocks, variant and seed; the names in it are not used.</param>
    /// <exception cref="LoraException">The rank is above what the layer can hold, or the layer is no fused qkv.</exception>
    public LoraLinear(Linear linear, LoraConfig config) : this(linear, config, null) { }

    internal LoraLinear(Linear linear, LoraConfig config, Generator? generator) : base(nameof(LoraLinear), linear, linear, config, generator) { }

    /// <inheritdoc/>
    public override string Kind => nameof(Linear);
}

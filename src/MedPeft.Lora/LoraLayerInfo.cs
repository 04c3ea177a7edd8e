using System.Globalization;

namespace MedPeft.Lora;

/// <summary>One adapted layer.</summary>
/// <param name="Path">Its name in the model, e.g. <c>blocks.0.attn.qkv</c>; the first one where it has several.</param>
/// <param name="Kind">What it is, e.g. <c>Linear</c>.</param>
/// <param name="Rank">Rank of the update, of each block where <paramref name="Blocks"/> names some.</param>
/// <param name="Alpha">Numerator of the scale.</param>
/// <param name="Scale">The factor of the update.</param>
/// <param name="Blocks">The adapted blocks of a fused layer; null where the whole layer is adapted.</param>
/// <param name="Dora">True if the norms of the outputs' weights are trained as well.</param>
/// <param name="Parameters">Parameters that the adapter adds.</param>
public sealed record LoraLayerInfo(string Path, string Kind, int Rank, double Alpha, double Scale, IReadOnlyList<LoraBlock>? Blocks, bool Dora, long Parameters)
{
    /// <summary>E.g. <c>blocks.0.attn.qkv Linear r=4 α=32 [Query, Value] 12,288</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Path} {Kind} r={Rank} α={Alpha}{(Dora ? " DoRA" : "")}{(Blocks is null ? "" : $" [{string.Join(", ", Blocks)}]")} {Parameters:N0}");
}

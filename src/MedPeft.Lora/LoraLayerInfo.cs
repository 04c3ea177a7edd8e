using System.Globalization;

namespace MedPeft.Lora;

/// <summary>One adapted layer.</summary>
/// <param name="Path">Its name in the model, e.g. <c>blocks.0.attn.qkv</c>; the first one where it has several.</param>
/// <param name="Kind">What it is, e.g. <c>Linear</c>.</param>
/// <param name="Rank">Rank of the update, of each block where <paramref name="Blocks"/> names some; 0 for a method without.</param>
/// <param name="Alpha">Numerator of the scale; 0 for a method without.</param>
/// <param name="Scale">The factor of the update; 1 for a method without.</param>
/// <param name="Blocks">The adapted blocks of a fused layer; null where the whole layer is adapted.</param>
/// <param name="Dora">True if the norms of the outputs' weights are trained as well.</param>
/// <param name="Parameters">Parameters that the adapter adds.</param>
public sealed record LoraLayerInfo(string Path, string Kind, int Rank, double Alpha, double Scale, IReadOnlyList<LoraBlock>? Blocks, bool Dora, long Parameters)
{
    /// <summary>How it is adapted, e.g. <c>LoRA</c>, <c>PiSSA</c> or <c>VeRA</c>.</summary>
    public string Method { get; init; } = "LoRA";

    /// <summary>Those of <see cref="Parameters"/> that are not trained: A of LoRA-FA, the first factors of PiSSA.</summary>
    public long Frozen { get; init; }

    /// <summary>Those of <see cref="Parameters"/> that are trained.</summary>
    public long Trained => Parameters - Frozen;

    /// <summary>What is said after the kind: the method unless it is plain LoRA, and the blocks.</summary>
    internal string Remarks => (Method == "LoRA" ? "" : $" {Method}") + (Dora ? " DoRA" : "") + (Blocks is null ? "" : $" [{string.Join(", ", Blocks)}]");

    /// <summary>E.g. <c>blocks.0.attn.qkv Linear r=4 α=32 [Query, Value] 12,288</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Path} {Kind}{(Rank == 0 ? "" : $" r={Rank}")}{(Alpha == 0 ? "" : $" α={Alpha}")}{Remarks} {Parameters:N0}");
}

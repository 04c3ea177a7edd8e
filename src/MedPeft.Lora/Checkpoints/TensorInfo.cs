using static TorchSharp.torch;

namespace MedPeft.Lora.Checkpoints;

/// <summary>What a checkpoint says about one tensor, without reading its values.</summary>
/// <param name="Name">Name in the checkpoint, e.g. <c>blocks.0.attn.qkv.weight</c>.</param>
/// <param name="DType">Element type; null when TorchSharp has none for it (F8_E4M3, U16, ...): such a tensor is listed, but cannot be read.</param>
/// <param name="Shape">Size of each dimension; empty for a scalar. Not to be changed.</param>
/// <param name="Bytes">Bytes that the values take, shape times element size.</param>
public sealed record TensorInfo(string Name, ScalarType? DType, long[] Shape, long Bytes)
{
    /// <summary>Name of the element type as safetensors spells it: F32, BF16, F8_E4M3, ...</summary>
    public required string DTypeName { get; init; }

    /// <summary>Name, element type and shape, e.g. <c>head.weight F32 [14, 768]</c>.</summary>
    public override string ToString() => $"{Quoted.Bare(Name)} {DTypeName} [{string.Join(", ", Shape)}]";
}

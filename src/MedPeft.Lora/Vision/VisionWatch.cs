using static TorchSharp.torch;

namespace MedPeft.Lora.Vision;

/// <summary>What an explanation wants to see of a pass; what is null is not formed.</summary>
internal sealed record VisionWatch
{
    /// <summary>Is shown, block by block from 0, who attends to whom: [B, H, N, N], the row attends to the column. The tensor dies with the call.</summary>
    public Action<int, Tensor>? Attention { get; init; }

    /// <summary>Is given the tokens behind the first norm of the last block, [B, N, C], and returns those to go on with, which it keeps.</summary>
    public Func<Tensor, Tensor>? LastNormed { get; init; }

    /// <summary>Is given the tokens behind the last block, [B, N, C], and returns those to be pooled, which it keeps.</summary>
    public Func<Tensor, Tensor>? LastTokens { get; init; }
}

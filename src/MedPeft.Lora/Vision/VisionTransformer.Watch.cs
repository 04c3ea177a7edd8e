using static TorchSharp.torch;

namespace MedPeft.Lora.Vision;

public sealed partial class VisionTransformer
{
    /// <summary>The pass of <see cref="forward"/> in evaluation mode, looked at on its way: the same modules in the same order, blocks without their hooks.</summary>
    /// <param name="images">[B, channels, ImageSize, ImageSize].</param>
    /// <param name="watch">What is to be seen.</param>
    /// <returns>Logits, [B, Outputs], or the pooled features, [B, EmbedDim]; caller owns.</returns>
    internal Tensor Watch(Tensor images, VisionWatch watch)
    {
        var tokens = Embed(images);
        for (var i = 0; i < Config.Depth; i++)
        {
            var (block, last) = (i, i == Config.Depth - 1);
            var next = ((VisionBlock)_blocks[i]).Watch(
                tokens, watch.Attention is { } seen ? weights => seen(block, weights) : null, last ? watch.LastNormed : null);
            tokens.Dispose();
            tokens = next;
        }

        using (tokens) return Score(watch.LastTokens is { } change ? change(tokens) : tokens);
    }
}

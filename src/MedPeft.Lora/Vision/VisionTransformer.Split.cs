using System.Globalization;
using MedPeft.Lora.Common;
using static TorchSharp.torch;

namespace MedPeft.Lora.Vision;

public sealed partial class VisionTransformer : IBlockStack
{
    int IBlockStack.Blocks => Config.Depth;

    string IBlockStack.ShapeBelow(int block) => FormattableString.Invariant(
        $"ViT, {block} blocks, {Config.EmbedDim} wide, {Config.Heads} heads, MLP {Config.MlpRatio}, epsilon {Config.LayerNormEps}, {Config.Channels}x{Config.ImageSize} px, patches of {Config.PatchSize}");

    int IBlockStack.PlaceOf(string name)
    {
        string[] parts = name.Split('.');
        if (parts[0] == "blocks" && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var block)) return block;
        return parts[0] is "cls_token" or "pos_embed" or "register_tokens" or "patch_embed" ? -1 : Config.Depth;
    }

    Tensor IBlockStack.Below(Tensor images, int block) => Run(Embed(images), 0, block);

    Tensor IBlockStack.From(Tensor tokens, int block) => Finish(tokens.alias(), block);

    private bool Checkpoints => CheckpointActivations && training && is_grad_enabled();

    /// <summary>Runs some of the blocks.</summary>
    /// <param name="tokens">[B, N, C]; let go of.</param>
    /// <param name="from">The first block that runs.</param>
    /// <param name="to">The first block that does not.</param>
    /// <returns>[B, N, C], caller owns.</returns>
    private Tensor Run(Tensor tokens, int from, int to)
    {
        for (var i = from; i < to; i++)
        {
            var block = _blocks[i];
            var next = Checkpoints ? CheckpointedBlock.Run(block, tokens) : block.call(tokens);
            tokens.Dispose();
            tokens = next;
        }

        return tokens;
    }
}

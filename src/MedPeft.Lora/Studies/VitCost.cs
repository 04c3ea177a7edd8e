using MedPeft.Lora.Vision;

namespace MedPeft.Lora.Studies;

/// <summary>Floating-point operations of a vision transformer, counted from its shape; a multiplication with its addition counts as two.</summary>
internal static class VitCost
{
    /// <summary>One image forward: 35.1 GFLOP for ViT-B/16 at 224 px.</summary>
    public static double Forward(ViTConfig vit)
    {
        double tokens = vit.Patches + vit.PrefixTokens, width = vit.EmbedDim;
        var linear = tokens * width * width * (4 + 2 * vit.MlpRatio);
        var attention = 2 * tokens * tokens * width;
        var patches = vit.Patches * width * vit.Channels * vit.PatchSize * vit.PatchSize;
        return 2 * (vit.Depth * (linear + attention) + patches);
    }

    /// <summary>
    /// How many forward passes one training pass costs: 3 where all weights learn (forward, gradients of activations, gradients of weights), 2 where
    /// adapters do, 1 where only the head does.
    /// </summary>
    public static double Passes(AdapterConfig method) => method switch
    {
        FullConfig => 3,
        LinearProbeConfig => 1,
        _ => 2,
    };
}

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
    public static double Passes(string kind) => kind switch
    {
        "full" => 3,
        "probe" => 1,
        _ => 2,
    };

    /// <summary>All parameters: 85.8 million for ViT-B/16 with 14 outputs.</summary>
    public static long Parameters(ViTConfig vit)
    {
        long width = vit.EmbedDim, hidden = (long)(width * vit.MlpRatio);
        var block = 4 * width * width + 4 * width + 2 * width * hidden + hidden + width + 4 * width + (vit.LayerScale is null ? 0 : 2 * width);
        var embedding = width * vit.Channels * vit.PatchSize * vit.PatchSize + width + width + (1 + vit.Patches) * width + vit.RegisterTokens * width;
        return vit.Depth * block + embedding + 2 * width + width * vit.Outputs + vit.Outputs;
    }
}

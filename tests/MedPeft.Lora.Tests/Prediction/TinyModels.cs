using MedPeft.Lora.Imaging;
using MedPeft.Lora.Prediction;
using MedPeft.Lora.Tests.Imaging;
using MedPeft.Lora.Vision;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Prediction;

/// <summary>A vision transformer of a few thousand weights, none of them so small that labels would not differ.</summary>
internal static class TinyModels
{
    public static readonly string[] Labels = ["Effusion", "Mass", "No, \"Finding\""];

    public static readonly ViTConfig Config = new() { ImageSize = 16, PatchSize = 4, EmbedDim = 12, Depth = 3, Heads = 2, Outputs = 3 };

    public static readonly PredictionSettings Settings = new() { Labels = Labels, ImageSize = 16 };

    public static VisionTransformer Make(ViTConfig? config = null, ulong seed = 3)
    {
        var model = new VisionTransformer(config ?? Config, seed);
        using var generator = new Generator(seed, CPU);
        using var guard = no_grad();
        foreach (var (name, parameter) in model.named_parameters())
            if (name.EndsWith("weight", StringComparison.Ordinal) && !name.Contains("norm", StringComparison.Ordinal)) parameter.normal_(0, .4, generator);
        model.eval();
        return model;
    }

    public static Tensor Image(ViTConfig config, ulong seed = 5)
    {
        using var generator = new Generator(seed, CPU);
        return randn([1, 3, config.ImageSize, config.ImageSize], generator: generator);
    }

    public static PixelImage Pixels(ulong seed) => TestImages.Noise(20, 24, 1, seed);
}

using MedPeft.Lora.Common;

namespace MedPeft.Lora.Vision;

/// <summary>The shape of a <see cref="VisionTransformer"/>. The presets are the sizes of Dosovitskiy et al. 2021 (Table 1) and DeiT.</summary>
public sealed record ViTConfig
{
    /// <summary>ViT-Ti/16 at 224 px: 192 wide, 12 blocks, 3 heads.</summary>
    public static ViTConfig Tiny16 { get; } = new() { EmbedDim = 192, Heads = 3 };

    /// <summary>ViT-S/16 at 224 px: 384 wide, 12 blocks, 6 heads.</summary>
    public static ViTConfig Small16 { get; } = new() { EmbedDim = 384, Heads = 6 };

    /// <summary>ViT-B/16 at 224 px, the backbone of MRM and CXR-MAE: 768 wide, 12 blocks, 12 heads.</summary>
    public static ViTConfig Base16 { get; } = new();

    /// <summary>ViT-L/16 at 224 px: 1024 wide, 24 blocks, 16 heads.</summary>
    public static ViTConfig Large16 { get; } = new() { EmbedDim = 1024, Depth = 24, Heads = 16 };

    /// <summary>ViT-B/14 at 518 px as DINOv2 and RAD-DINO have it: LayerScale, the class token after the last norm.</summary>
    public static ViTConfig DinoV2Base14 { get; } = new() { ImageSize = 518, PatchSize = 14, LayerScale = 1e-5, Pooling = ViTPooling.ClassToken };

    /// <summary>Rows and columns of the input image.</summary>
    /// <value>Default 224 pixels.</value>
    public int ImageSize { get; init => field = Require.AtLeastOne(value); } = 224;

    /// <summary>Rows and columns of a patch.</summary>
    /// <value>Default 16 pixels.</value>
    public int PatchSize { get; init => field = Require.AtLeastOne(value); } = 16;

    /// <summary>Channels of the input image.</summary>
    /// <value>Default 3: a radiograph is fed as three equal channels, as the foundation models were trained.</value>
    public int Channels { get; init => field = Require.AtLeastOne(value); } = 3;

    /// <summary>Width of a token (C).</summary>
    /// <value>Default 768.</value>
    public int EmbedDim { get; init => field = Require.AtLeastOne(value); } = 768;

    /// <summary>Transformer blocks.</summary>
    /// <value>Default 12.</value>
    public int Depth { get; init => field = Require.AtLeastOne(value); } = 12;

    /// <summary>Attention heads (H); <see cref="EmbedDim"/> must be divisible by it.</summary>
    /// <value>Default 12.</value>
    public int Heads { get; init => field = Require.AtLeastOne(value); } = 12;

    /// <summary>Width of the hidden layer of the MLP, as a multiple of <see cref="EmbedDim"/>.</summary>
    /// <value>Default 4.</value>
    public double MlpRatio { get; init => field = Require.Positive(value); } = 4;

    /// <summary>Labels that the head scores (K); 0 leaves the head out, the model then returns the pooled features.</summary>
    /// <value>Default 14, the findings of ChestX-ray14.</value>
    public int Outputs { get; init => field = Require.NotNegative(value); } = 14;

    /// <summary>How tokens become one vector.</summary>
    /// <value>Default <see cref="ViTPooling.MeanPatches"/>, as the paper fine-tunes.</value>
    public ViTPooling Pooling { get; init; } = ViTPooling.MeanPatches;

    /// <summary>Where the position embeddings come from; fixed ones are not trained.</summary>
    /// <value>Default <see cref="PositionEmbeddingKind.Learned"/>.</value>
    public PositionEmbeddingKind Positions { get; init; } = PositionEmbeddingKind.Learned;

    /// <summary>Highest rate of stochastic depth; block i of L drops its residual branches at rate · i/(L−1) (Huang et al. 2016).</summary>
    /// <value>Default 0; the paper's runs use 0.1. In [0, 1).</value>
    public double DropPath
    {
        get;
        init
        {
            if (value is not (>= 0 and < 1)) throw new ArgumentOutOfRangeException(nameof(DropPath), value, "DropPath is a rate in [0, 1).");
            field = value;
        }
    }

    /// <summary>First value of a learned factor per channel on every residual branch (LayerScale); null leaves it out.</summary>
    /// <value>Default null; DINOv2 has it (1e-5 at first, then what its checkpoint holds).</value>
    public double? LayerScale { get; init { if (value is { } initial) Require.Positive(initial); field = value; } }

    /// <summary>Extra tokens without a position between the class token and the patches (Darcet et al. 2024, arXiv:2309.16588).</summary>
    /// <value>Default 0; DINOv2 with registers has 4.</value>
    public int RegisterTokens { get; init => field = Require.NotNegative(value); }

    /// <summary>Added to the variance in every layer norm.</summary>
    /// <value>Default 1e-6 (MAE, timm and DINOv2), not PyTorch's 1e-5. Hugging Face's ViTModel was trained with 1e-12.</value>
    public double LayerNormEps { get; init => field = Require.Positive(value); } = 1e-6;

    /// <summary>Tokens before the patches: the class token and the registers.</summary>
    public int PrefixTokens => 1 + RegisterTokens;

    /// <summary>Patches along one side.</summary>
    public int Grid => ImageSize / PatchSize;

    /// <summary>Patch tokens (N without the class token).</summary>
    public int Patches => Grid * Grid;

    /// <summary>Checks what no single property can.</summary>
    /// <exception cref="ArgumentException">Sizes that do not divide.</exception>
    internal void Validate()
    {
        if (ImageSize % PatchSize != 0)
            throw new ArgumentException($"ImageSize {ImageSize} is not a multiple of PatchSize {PatchSize}. The nearest that fit: {Math.Max(1, ImageSize / PatchSize) * PatchSize} and {(ImageSize / PatchSize + 1) * PatchSize}.");
        if (EmbedDim % Heads != 0)
            throw new ArgumentException($"EmbedDim {EmbedDim} is not divisible by Heads {Heads}; each head takes EmbedDim/Heads channels.");
        if (Positions == PositionEmbeddingKind.SinCos && EmbedDim % 4 != 0)
            throw new ArgumentException($"Sine-cosine positions need EmbedDim divisible by 4; found {EmbedDim}.");
    }
}

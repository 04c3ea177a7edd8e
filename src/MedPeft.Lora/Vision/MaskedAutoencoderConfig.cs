using MedPeft.Lora.Common;

namespace MedPeft.Lora.Vision;

/// <summary>The shape of a <see cref="MaskedAutoencoder"/>.</summary>
/// <remarks>He et al. 2022, "Masked Autoencoders Are Scalable Vision Learners", arXiv:2111.06377, §3 and Table 1.</remarks>
public sealed record MaskedAutoencoderConfig
{
    /// <summary>The encoder: the backbone that is kept afterwards. Of its options only the sizes count: image, patch, channels, width, depth, heads, MLP ratio, eps.</summary>
    /// <value>Default <see cref="ViTConfig.Base16"/>.</value>
    public ViTConfig Encoder { get; init; } = ViTConfig.Base16;

    /// <summary>Width of a token in the decoder.</summary>
    /// <value>Default 512.</value>
    public int DecoderDim { get; init => field = Require.AtLeastOne(value); } = 512;

    /// <summary>Blocks of the decoder.</summary>
    /// <value>Default 8.</value>
    public int DecoderDepth { get; init => field = Require.AtLeastOne(value); } = 8;

    /// <summary>Attention heads of the decoder.</summary>
    /// <value>Default 16.</value>
    public int DecoderHeads { get; init => field = Require.AtLeastOne(value); } = 16;

    /// <summary>Share of the patches that the encoder does not see.</summary>
    /// <value>Default 0.75. In (0, 1).</value>
    public double MaskRatio
    {
        get;
        init
        {
            if (value is not (> 0 and < 1)) throw new ArgumentOutOfRangeException(nameof(MaskRatio), value, "MaskRatio is a share in (0, 1).");
            field = value;
        }
    } = .75;

    /// <summary>Predict each patch normalised by its own mean and variance, which MAE found to transfer better.</summary>
    /// <value>Default true.</value>
    public bool NormalizePixels { get; init; } = true;

    internal void Validate()
    {
        Encoder.Validate();
        if (DecoderDim % DecoderHeads != 0 || DecoderDim % 4 != 0)
            throw new ArgumentException($"DecoderDim {DecoderDim} must be divisible by DecoderHeads {DecoderHeads} and by 4 (sine-cosine positions).");
        if (VisiblePatches < 1)
            throw new ArgumentException($"MaskRatio {MaskRatio} leaves the encoder none of {Encoder.Patches} patches; lower it.");
    }

    internal int VisiblePatches => (int)(Encoder.Patches * (1 - MaskRatio));
}

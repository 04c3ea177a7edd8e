namespace MedPeft.Lora.Vision;

/// <summary>How the tokens of a vision transformer become one vector for the head.</summary>
public enum ViTPooling
{
    /// <summary>Mean over the patch tokens without the prefix tokens, then <c>fc_norm</c> (MAE fine-tuning; timm's <c>global_pool="avg"</c>).</summary>
    MeanPatches,

    /// <summary>The class token after <c>norm</c> (Dosovitskiy et al. 2021; timm's <c>global_pool="token"</c>).</summary>
    ClassToken,
}

namespace MedPeft.Lora.Vision;

/// <summary>Whose names and shapes the weights of a checkpoint follow.</summary>
public enum BackboneLayout
{
    /// <summary>MAE, MRM, CXR-MAE, timm and DINOv2's own files: <c>blocks.i.attn.qkv</c>, queries, keys and values fused.</summary>
    Timm,

    /// <summary>Hugging Face <c>ViTModel</c>: <c>encoder.layer.i.attention.attention.query</c> and its siblings, fused when loaded.</summary>
    HuggingFaceViT,

    /// <summary>Hugging Face <c>Dinov2Model</c>, RAD-DINO among them: separate queries, keys and values, and LayerScale.</summary>
    HuggingFaceDinoV2,
}

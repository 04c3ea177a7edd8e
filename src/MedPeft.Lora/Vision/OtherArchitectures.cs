namespace MedPeft.Lora.Vision;

/// <summary>Transformers that share most names with those built here and compute something else: loading what fits would give wrong features.</summary>
internal static class OtherArchitectures
{
    private static readonly (string Part, string What)[] Marks =
    [
        ("dist_token", "a distilled DeiT, which has a second token and a second head. Take the DeiT without distillation, which is a plain ViT"),
        ("rope", "EVA-02, EVA-X or another ViT with rotary positions"),
        ("rope_embed", "DINOv3, which has rotary positions"),
        ("storage_tokens", "DINOv3, which has rotary positions"),
        ("relative_position_bias_table", "BEiT or another ViT with relative positions"),
        ("q_bias", "EVA or BEiT, whose keys have no bias"),
        ("q_proj", "EVA-02 or EVA-X, whose blocks are of another form"),
        ("gamma_1", "BEiT or EVA, whose blocks are of another form"),
        ("w12", "a ViT with SwiGLU blocks (DINOv2 giant, EVA-02)"),
        ("weights_in", "a ViT with SwiGLU blocks (DINOv2 giant)"),
        ("fc1_g", "a ViT with SwiGLU blocks (EVA-02)"),
        ("q_norm", "a ViT that normalises queries and keys"),
        ("norm_pre", "CLIP's ViT, which normalises before the first block"),
        ("attn_pool", "SigLIP's ViT, which pools by attention"),
        ("lora_A", "a model with LoRA factors. Load the foundation model's own checkpoint and then the factors by LoraAdapter.Load, or drop them by skip: [\"lora_A\", \"lora_B\"]"),
    ];

    /// <summary>What a checkpoint with such names is; null where nothing speaks against those built here.</summary>
    public static string? Recognize(IEnumerable<string> names)
    {
        var parts = names.SelectMany(name => name.Split('.')).ToHashSet(StringComparer.Ordinal);
        return Array.Find(Marks, mark => parts.Contains(mark.Part)).What;
    }
}

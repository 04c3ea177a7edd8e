namespace MedPeft.Lora.Vision;

/// <summary>Where the position embeddings of a vision transformer come from.</summary>
public enum PositionEmbeddingKind
{
    /// <summary>A trained parameter (Dosovitskiy et al. 2021, §3.1).</summary>
    Learned,

    /// <summary>Fixed two-dimensional sines and cosines (He et al. 2022, MAE; Vaswani et al. 2017, §3.5).</summary>
    SinCos,
}

namespace MedPeft.Lora.Training;

/// <summary>The foundation models that the paper fine-tunes; both are ViT-B/16 at 224 px.</summary>
public enum FoundationBackbone
{
    /// <summary>MRM (Zhou et al. 2023): masked record modelling over radiographs and reports.</summary>
    Mrm,

    /// <summary>CXR-MAE: a masked autoencoder pre-trained on radiographs (Xiao et al. 2023).</summary>
    CxrMae,
}

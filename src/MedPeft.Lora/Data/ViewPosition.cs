namespace MedPeft.Lora.Data;

/// <summary>How the rays passed the chest.</summary>
public enum ViewPosition
{
    /// <summary>Not given.</summary>
    Unknown,

    /// <summary>Frontal, from back to front: the standard view of a standing patient.</summary>
    PA,

    /// <summary>Frontal, from front to back: the bedside view.</summary>
    AP,

    /// <summary>Frontal; the data set does not say from which side.</summary>
    Frontal,

    /// <summary>From the side.</summary>
    Lateral,

    /// <summary>Any other view, such as a patient lying on the side (CheXpert's LL and RL).</summary>
    Other,
}

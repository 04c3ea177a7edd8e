namespace MedPeft.Lora.Studies;

/// <summary>In whose layout a data set lies on disk.</summary>
public enum StudyDatasetKind
{
    /// <summary>NIH ChestX-ray14.</summary>
    Nih,

    /// <summary>CheXpert-v1.0 or its small edition.</summary>
    CheXpert,

    /// <summary>RSNA Pneumonia Detection Challenge, stage 2.</summary>
    Rsna,
}

namespace MedPeft.Samples.Phantoms;

/// <summary>As whose data set a cohort is written.</summary>
public enum PhantomLayout
{
    /// <summary>NIH ChestX-ray14: PNG, one table, lists of names.</summary>
    Nih,

    /// <summary>CheXpert-v1.0-small: JPEG in folders of studies, a table for each split, uncertain labels.</summary>
    CheXpert,

    /// <summary>RSNA Pneumonia Detection Challenge, stage 2: DICOM, a row a box.</summary>
    Rsna,
}

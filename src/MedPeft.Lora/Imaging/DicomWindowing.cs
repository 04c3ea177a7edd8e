namespace MedPeft.Lora.Imaging;

/// <summary>How the gray values of a DICOM file become 8 bits.</summary>
public enum DicomWindowing
{
    /// <summary>As the file says: its VOI lookup table, else its first window, else <see cref="Percentile"/>. PS3.3 §C.11.2.</summary>
    File,

    /// <summary>From one percentile of the image's own values to another, whatever window the file has.</summary>
    Percentile,

    /// <summary>As MED-PEFT reads RSNA files: the largest stored value becomes 255; no rescaling, no window, negative values fold. For comparisons with it only.</summary>
    MedPeftRsna,
}

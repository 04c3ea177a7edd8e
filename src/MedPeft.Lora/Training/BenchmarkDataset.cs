namespace MedPeft.Lora.Training;

/// <summary>The data sets that the paper fine-tunes on.</summary>
public enum BenchmarkDataset
{
    /// <summary>NIH ChestX-ray14, 14 findings.</summary>
    Nih,

    /// <summary>CheXpert, 5 findings.</summary>
    CheXpert,

    /// <summary>RSNA Pneumonia, 1 finding.</summary>
    Rsna,
}

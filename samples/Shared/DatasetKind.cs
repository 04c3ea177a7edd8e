namespace MedPeft.Samples;

/// <summary>The data sets that the samples know.</summary>
internal enum DatasetKind
{
    Nih,
    CheXpert,
    Rsna,
}

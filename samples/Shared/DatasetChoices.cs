using MedPeft.Lora.Data;
using MedPeft.Lora.Imaging;

namespace MedPeft.Samples;

/// <summary>What CheXpert's -1 is taken for.</summary>
internal enum Uncertainty
{
    /// <summary>As MED-PEFT takes it.</summary>
    MedPeft,
    Ignore,
    Zeros,
    Ones,
    DeepAuc,
}

/// <summary>Which labels of a table are used.</summary>
internal enum LabelChoice
{
    /// <summary>Those of the paper: CheXpert's five of the competition, RSNA's pneumonia.</summary>
    Paper,

    /// <summary>All: CheXpert's 14, RSNA's classes too.</summary>
    All,
}

/// <summary>What a data set leaves open.</summary>
internal sealed record DatasetChoices
{
    public Uncertainty Uncertainty { get; init; }

    public LabelChoice Labels { get; init; }

    public DicomWindowing Windowing { get; init; }

    public MissingImages Missing { get; init; }

    /// <summary>Whether view, age and sex are read from DICOM files.</summary>
    public bool Headers { get; init; }

    public UncertaintyPolicy Policy => Uncertainty switch
    {
        Uncertainty.Ignore => UncertaintyPolicy.Ignore,
        Uncertainty.Zeros => UncertaintyPolicy.Zeros,
        Uncertainty.Ones => UncertaintyPolicy.Ones,
        Uncertainty.DeepAuc => UncertaintyPolicy.DeepAuc,
        _ => UncertaintyPolicy.MedPeft,
    };
}

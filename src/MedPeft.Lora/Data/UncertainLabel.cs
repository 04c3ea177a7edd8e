namespace MedPeft.Lora.Data;

/// <summary>What an uncertain label (-1, "possible") is taken for.</summary>
public enum UncertainLabel
{
    /// <summary>Missing (NaN): left out of the loss and of the metrics. "U-Ignore".</summary>
    Ignore,

    /// <summary>Absent (0). "U-Zeros".</summary>
    Absent,

    /// <summary>Present (1). "U-Ones".</summary>
    Present,
}

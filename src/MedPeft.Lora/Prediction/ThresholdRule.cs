namespace MedPeft.Lora.Prediction;

/// <summary>How thresholds are chosen on validation images.</summary>
public enum ThresholdRule
{
    /// <summary>The greatest sensitivity + specificity - 1.</summary>
    Youden,

    /// <summary>The greatest F1.</summary>
    F1,
}

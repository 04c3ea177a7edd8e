namespace MedPeft.Lora.Metrics;

/// <summary>What the scores of an evaluation are.</summary>
public enum ScoreKind
{
    /// <summary>Probabilities of the positive class, 0 to 1.</summary>
    Probability,

    /// <summary>Logits; calibration is measured on their sigmoids. Rounding to probabilities ties the surest cases, so logits rank better.</summary>
    Logit,
}

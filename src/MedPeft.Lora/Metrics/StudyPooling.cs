namespace MedPeft.Lora.Metrics;

/// <summary>How the scores of a study's images become the study's score.</summary>
public enum StudyPooling
{
    /// <summary>Their mean: views correct each other.</summary>
    Mean,

    /// <summary>The highest: one view that shows the finding is enough.</summary>
    Maximum,
}

namespace MedPeft.Lora.Studies;

/// <summary>By what test images are grouped.</summary>
public enum SubgroupKind
{
    /// <summary>Sex of the patient.</summary>
    Sex,

    /// <summary>Age band: 0-17, 18-39, 40-59, 60-79, 80+.</summary>
    Age,

    /// <summary>Direction of the rays.</summary>
    View,
}

namespace MedPeft.Lora.Training;

/// <summary>What a run is doing.</summary>
public enum TrainingPhase
{
    /// <summary>Taking optimizer steps.</summary>
    Training,

    /// <summary>Scoring the validation images.</summary>
    Validation,

    /// <summary>Filling the <see cref="FrozenPrefixCache"/>, before the first step; the steps of the progress are images.</summary>
    Preparation,
}

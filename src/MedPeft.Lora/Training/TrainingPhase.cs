namespace MedPeft.Lora.Training;

/// <summary>What a run is doing.</summary>
public enum TrainingPhase
{
    /// <summary>Taking optimizer steps.</summary>
    Training,

    /// <summary>Scoring the validation images.</summary>
    Validation,
}

namespace MedPeft.Lora.Training;

/// <summary>Hears of a run as it goes on, on the thread that trains: counts, rates and scores, never a path or a patient.</summary>
public interface ITrainingObserver
{
    /// <summary>A step was taken or a batch was scored.</summary>
    /// <param name="progress">Where the run is.</param>
    void OnProgress(TrainingProgress progress);

    /// <summary>An epoch was finished and scored.</summary>
    /// <param name="result">What it came to.</param>
    void OnEpoch(EpochResult result);
}

namespace MedPeft.Lora.Training;

/// <summary>Where a run is; reported after every step and every scored batch.</summary>
/// <param name="Phase">What is being done.</param>
/// <param name="Epoch">The epoch, from 1.</param>
/// <param name="Epochs">Epochs of the run.</param>
/// <param name="Step">Batches, or in preparation images, done in this phase of this epoch.</param>
/// <param name="Steps">Batches of this phase.</param>
/// <param name="Loss">Loss of the step; null while scoring.</param>
/// <param name="LearningRate">Rate of the step; null while scoring.</param>
/// <param name="ImagesPerSecond">Since the phase of this epoch began.</param>
public sealed record TrainingProgress(TrainingPhase Phase, int Epoch, int Epochs, int Step, int Steps, double? Loss, double? LearningRate, double ImagesPerSecond)
{
    /// <summary>Share of the run that is done, in [0, 1]; scoring counts as part of its epoch, preparation as nothing.</summary>
    public double Fraction => Phase switch
    {
        TrainingPhase.Training => (Epoch - 1 + .9 * Step / Steps) / Epochs,
        TrainingPhase.Validation => (Epoch - 1 + .9 + .1 * Step / Steps) / Epochs,
        _ => (Epoch - 1.0) / Epochs,
    };

    /// <summary>Norm of the step's gradient before clipping; null while scoring.</summary>
    public double? GradientNorm { get; init; }

    /// <summary>Time until the end of the run at the speed so far; null before there is one.</summary>
    public TimeSpan? TimeLeft { get; init; }

    /// <summary>Share of the phase's time spent waiting for images, in [0, 1].</summary>
    public double DataWait { get; init; }

    /// <summary>Highest memory of the process so far in bytes; of its main memory, as TorchSharp tells nothing of a GPU's.</summary>
    public long PeakMemoryBytes { get; init; }
}

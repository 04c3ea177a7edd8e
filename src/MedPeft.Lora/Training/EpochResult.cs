using MedPeft.Lora.Metrics;

namespace MedPeft.Lora.Training;

/// <summary>What one epoch came to.</summary>
/// <param name="Epoch">The epoch, from 1.</param>
/// <param name="TrainingLoss">Mean loss over its steps.</param>
/// <param name="LearningRate">Rate of its last step.</param>
/// <param name="Auroc">AUROC on the validation images after it.</param>
/// <param name="ImagesPerSecond">Training speed, loading included.</param>
/// <param name="Elapsed">Time since the run began; the time of a run that was interrupted and resumed is added up.</param>
public sealed record EpochResult(int Epoch, double TrainingLoss, double LearningRate, AurocReport Auroc, double ImagesPerSecond, TimeSpan Elapsed)
{
    /// <summary>Share of its training time spent waiting for images, in [0, 1]: near 0 the model is the limit, near 1 the loader.</summary>
    public double DataWait { get; init; }

    /// <summary>Highest memory of the process until its end, in bytes; of its main memory, as TorchSharp tells nothing of a GPU's.</summary>
    public long PeakMemoryBytes { get; init; }
}

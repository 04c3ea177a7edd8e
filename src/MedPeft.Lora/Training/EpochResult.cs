using MedPeft.Lora.Metrics;

namespace MedPeft.Lora.Training;

/// <summary>What one epoch came to.</summary>
/// <param name="Epoch">The epoch, from 1.</param>
/// <param name="TrainingLoss">Mean loss over its steps.</param>
/// <param name="LearningRate">Rate of its last step.</param>
/// <param name="Auroc">AUROC on the validation images after it.</param>
/// <param name="ImagesPerSecond">Training speed, loading included.</param>
/// <param name="Elapsed">Time since the run began.</param>
public sealed record EpochResult(int Epoch, double TrainingLoss, double LearningRate, AurocReport Auroc, double ImagesPerSecond, TimeSpan Elapsed);

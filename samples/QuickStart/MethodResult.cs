using MedPeft.Lora.Metrics;
using MedPeft.Lora.Training;

namespace MedPeft.Samples.QuickStart;

/// <summary>What one method came to.</summary>
/// <param name="Method">Which.</param>
/// <param name="Trained">Parameters that it trained, of the model's.</param>
/// <param name="Training">Its epochs.</param>
/// <param name="Test">AUROC on the test images, with the weights of its best epoch.</param>
/// <param name="PeakMegabytes">The most memory that the process held meanwhile.</param>
internal sealed record MethodResult(Method Method, (long Count, long Total) Trained, TrainingResult Training, AurocReport Test, double PeakMegabytes);

namespace MedPeft.Lora.Studies;

/// <summary>A point of a cell's learning curve.</summary>
/// <param name="Epoch">From 1.</param>
/// <param name="Loss">Mean training loss.</param>
/// <param name="LearningRate">Of its last step.</param>
/// <param name="ValidationAuroc">Macro AUROC on validation after it.</param>
public sealed record CellEpoch(int Epoch, double Loss, double LearningRate, double ValidationAuroc);

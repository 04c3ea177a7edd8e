namespace MedPeft.Lora.Studies;

/// <summary>What a cell is expected to take.</summary>
/// <param name="Cell">The cell.</param>
/// <param name="TrainImages">Images that it trains on; null where neither the list nor the study says.</param>
/// <param name="ValidationImages">Images that are scored after every epoch; null likewise.</param>
/// <param name="TestImages">Images that are scored once; null likewise.</param>
/// <param name="TrainedParameters">Parameters that it trains.</param>
/// <param name="TotalParameters">All parameters of its model, adapters included.</param>
/// <param name="Steps">Optimizer steps; null where the images are not known.</param>
/// <param name="Time">On the plan's machine; null where the images are not known.</param>
/// <param name="MemoryBytes">Weights, gradients, optimizer state and activations of a batch, float32.</param>
public sealed record CellEstimate(
    StudyCell Cell, int? TrainImages, int? ValidationImages, int? TestImages, long TrainedParameters, long TotalParameters, long? Steps, TimeSpan? Time, long MemoryBytes);

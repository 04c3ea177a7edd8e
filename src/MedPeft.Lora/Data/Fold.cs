namespace MedPeft.Lora.Data;

/// <summary>One fold of a cross-validation.</summary>
/// <param name="Number">Its number, from 0.</param>
/// <param name="Train">The images of the other folds.</param>
/// <param name="Held">The images held out.</param>
public sealed record Fold(int Number, ImageDataset Train, ImageDataset Held);

namespace MedPeft.Lora.Data;

/// <summary>An image that a loader left out because it cannot be read.</summary>
/// <param name="Index">Its position in the data set.</param>
/// <param name="Problem">What is wrong with it, without its path, so that it may be logged.</param>
public sealed record SkippedImage(int Index, string Problem);

namespace MedPeft.Samples.Drawing;

/// <summary>One radiograph of a contact sheet.</summary>
/// <param name="Title">Above the findings: the file's name, the patient's age.</param>
/// <param name="Pixels">Gray levels, row by row.</param>
/// <param name="Size">Side of the square picture.</param>
/// <param name="Predictions">One per label; those that are present or predicted are shown, the most probable first.</param>
public sealed record SheetItem(string Title, byte[] Pixels, int Size, IReadOnlyList<SheetPrediction> Predictions);

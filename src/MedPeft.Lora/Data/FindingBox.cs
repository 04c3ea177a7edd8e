namespace MedPeft.Lora.Data;

/// <summary>Where a finding lies in an image, in pixels of the image as it is stored, from its upper left corner.</summary>
/// <param name="Label">The finding, one of the data set's labels.</param>
/// <param name="X">The left edge.</param>
/// <param name="Y">The upper edge.</param>
/// <param name="Width">The extent to the right.</param>
/// <param name="Height">The extent downwards.</param>
public sealed record FindingBox(string Label, double X, double Y, double Width, double Height);

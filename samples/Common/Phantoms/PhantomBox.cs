namespace MedPeft.Samples.Phantoms;

/// <summary>Where something lies in a picture, in pixels from its upper left corner.</summary>
/// <param name="X">The left edge.</param>
/// <param name="Y">The upper edge.</param>
/// <param name="Width">The extent to the right.</param>
/// <param name="Height">The extent downwards.</param>
public readonly record struct PhantomBox(int X, int Y, int Width, int Height);

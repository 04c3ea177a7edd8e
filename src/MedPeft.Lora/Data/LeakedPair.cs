namespace MedPeft.Lora.Data;

/// <summary>Two images that are one, by their positions; no path and no patient.</summary>
/// <param name="First">The position in the first data set.</param>
/// <param name="Second">The position in the second data set.</param>
/// <param name="Kind">In which way they are one.</param>
public sealed record LeakedPair(int First, int Second, LeakKind Kind);

namespace MedPeft.Lora.Injection.NativeLayers;

/// <summary>What a layer in native code has no properties for.</summary>
/// <param name="Heads">Number of heads of its attention.</param>
/// <param name="Dropout">Probability by which it zeroes in training.</param>
/// <param name="IsGelu">True for GELU between its linear layers, false for ReLU; false for an attention, which has neither.</param>
internal sealed record NativeSettings(long Heads, double Dropout, bool IsGelu);

namespace MedPeft.Lora.Imaging.Dicom;

/// <summary>One frame of stored values, as bit patterns: a negative value still has its sign bit inside <see cref="Bits"/>.</summary>
/// <param name="Width">Columns.</param>
/// <param name="Height">Rows.</param>
/// <param name="Samples">Samples a pixel: 1 or 3.</param>
/// <param name="Bits">Bits that a value may use, 1 to 16.</param>
/// <param name="Signed">Whether the highest of those bits is a sign.</param>
/// <param name="Values">[Height, Width, Samples], no value over 2^Bits - 1.</param>
internal sealed record RawFrame(int Width, int Height, int Samples, int Bits, bool Signed, ushort[] Values)
{
    /// <summary>The number that a bit pattern stands for.</summary>
    public int Number(int pattern) => Signed && (pattern >> (Bits - 1)) != 0 ? pattern - (1 << Bits) : pattern;
}

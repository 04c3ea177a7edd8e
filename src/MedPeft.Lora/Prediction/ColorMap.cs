namespace MedPeft.Lora.Prediction;

/// <summary>The colours of viridis, by straight lines between ten of its published values: dark violet, blue, green, yellow, ever lighter.</summary>
/// <remarks>van der Walt and Smith 2015, released under CC0. Told apart with the common colour-vision deficiencies, and in gray print.</remarks>
internal static class ColorMap
{
    private static readonly (byte R, byte G, byte B)[] Points =
    [
        (0x44, 0x01, 0x54), (0x48, 0x28, 0x78), (0x3E, 0x4A, 0x89), (0x31, 0x68, 0x8E), (0x26, 0x82, 0x8E),
        (0x1F, 0x9E, 0x89), (0x35, 0xB7, 0x79), (0x6D, 0xCD, 0x59), (0xB4, 0xDE, 0x2C), (0xFD, 0xE7, 0x25),
    ];

    /// <summary>The colour of a share, 0 (cold) to 1 (hot), in 0 … 255.</summary>
    public static (double R, double G, double B) Of(double share)
    {
        var at = Math.Clamp(share, 0, 1) * (Points.Length - 1);
        var below = Math.Min((int)at, Points.Length - 2);
        var (a, b, t) = (Points[below], Points[below + 1], at - below);
        return (a.R + (b.R - a.R) * t, a.G + (b.G - a.G) * t, a.B + (b.B - a.B) * t);
    }
}

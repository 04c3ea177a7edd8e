namespace MedPeft.Lora.Imaging;

/// <summary>What a magnitude of 0 to 10 means for each operation: timm's table, in the order of its floating-point operations.</summary>
internal static class AugmentMagnitude
{
    /// <summary>The magnitude that timm calls the greatest.</summary>
    public const double Greatest = 10;

    /// <summary>Whether the operation goes either way, which costs one more random number.</summary>
    public static bool IsSigned(AugmentOperation operation) => operation is AugmentOperation.Rotate
        or AugmentOperation.ShearX or AugmentOperation.ShearY or AugmentOperation.TranslateX or AugmentOperation.TranslateY
        or AugmentOperation.Color or AugmentOperation.Contrast or AugmentOperation.Brightness or AugmentOperation.Sharpness;

    /// <summary>Degrees, a factor, a part of the side, bits or a threshold; 0 where the operation takes none.</summary>
    public static double Argument(AugmentOperation operation, double magnitude, bool negative)
    {
        var level = magnitude / Greatest;
        return operation switch
        {
            AugmentOperation.Rotate => Signed(level * 30, negative),
            AugmentOperation.ShearX or AugmentOperation.ShearY => Signed(level * .3, negative),
            AugmentOperation.TranslateX or AugmentOperation.TranslateY => Signed(level * .45, negative),
            AugmentOperation.Color or AugmentOperation.Contrast or AugmentOperation.Brightness or AugmentOperation.Sharpness
                => Math.Max(.1, 1 + Signed(level * .9, negative)),
            AugmentOperation.Posterize => 4 - (int)(level * 4),
            AugmentOperation.Solarize => 256 - (int)(level * 256),
            AugmentOperation.SolarizeAdd => Math.Min(128, (int)(level * 110)),
            _ => 0,
        };
    }

    private static double Signed(double value, bool negative) => negative ? -value : value;
}

using System.Globalization;

namespace MedPeft.Lora.Imaging;

/// <summary>Text that reads the same on every machine, whatever its language.</summary>
internal static class Text
{
    public static string Of(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    public static string Of(Interpolation interpolation) => interpolation == Interpolation.Bicubic ? "bicubic" : "bilinear";

    /// <summary>A number to three decimals at most: 0.75, 1.333, 1.</summary>
    public static string Short(double value) => value.ToString("0.###", CultureInfo.InvariantCulture);

    /// <summary>Refuses what is no probability.</summary>
    public static double Probability(double value, string name)
        => value is >= 0 and <= 1 ? value : throw new ArgumentOutOfRangeException(name, Of($"Found {value}; a probability lies between 0 and 1."));
}

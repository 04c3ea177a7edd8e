using System.Globalization;

namespace MedPeft.Lora.Data.Tables;

/// <summary>Readings of single fields that several data sets share.</summary>
internal static class Values
{
    /// <summary>Ages above are errors of entry: RSNA has 148 to 155, old releases of ChestX-ray14 have 411.</summary>
    public const double Oldest = 120;

    /// <summary>An age: 57, 57.0, 058Y, 011M, 002W, 014D. Null if empty or outside 0 to 120.</summary>
    /// <returns>False if the text is none.</returns>
    public static bool TryAge(ReadOnlySpan<char> text, out double? years)
    {
        years = null;
        text = text.Trim();
        if (text.IsEmpty) return true;
        var perYear = text[^1] switch { 'Y' => 1, 'M' => 12, 'W' => 365.25 / 7, 'D' => 365.25, _ => 0 };
        if (!double.TryParse(perYear == 0 ? text : text[..^1], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value)) return false;
        value /= perYear == 0 ? 1 : perYear;
        if (value <= Oldest) years = value;
        return true;
    }

    /// <summary>A sex: M, F, Male, Female, Unknown, U, O or nothing, in any case.</summary>
    /// <returns>False if the text is none.</returns>
    public static bool TrySex(ReadOnlySpan<char> text, out Sex sex)
    {
        text = text.Trim();
        sex = Is(text, "M") || Is(text, "Male") ? Sex.Male : Is(text, "F") || Is(text, "Female") ? Sex.Female : Sex.Unknown;
        return sex != Sex.Unknown || text.IsEmpty || Is(text, "Unknown") || Is(text, "U") || Is(text, "O");
    }

    /// <summary>A finite number with a point.</summary>
    public static bool TryNumber(ReadOnlySpan<char> text, out double value)
        => double.TryParse(text.Trim(), NumberStyles.Float, CultureInfo.InvariantCulture, out value) && double.IsFinite(value);

    private static bool Is(ReadOnlySpan<char> text, string other) => text.Equals(other, StringComparison.OrdinalIgnoreCase);
}

using System.Runtime.CompilerServices;

namespace MedPeft.Lora.Common;

/// <summary>What the value of an option must be; the error names the option.</summary>
internal static class Require
{
    public static int AtLeastOne(int value, [CallerMemberName] string name = "")
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(value, name);
        return value;
    }

    public static long AtLeastOne(long value, [CallerMemberName] string name = "")
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(value, name);
        return value;
    }

    public static int NotNegative(int value, [CallerMemberName] string name = "")
    {
        ArgumentOutOfRangeException.ThrowIfNegative(value, name);
        return value;
    }

    public static double Positive(double value, [CallerMemberName] string name = "") =>
        value > 0 && double.IsFinite(value) ? value : throw new ArgumentOutOfRangeException(name, value, $"{name} must be a positive number.");

    public static double NotNegative(double value, [CallerMemberName] string name = "") =>
        value >= 0 && double.IsFinite(value) ? value : throw new ArgumentOutOfRangeException(name, value, $"{name} must be 0 or a positive number.");

    /// <summary>In [0, 1).</summary>
    public static double Share(double value, [CallerMemberName] string name = "") =>
        value is >= 0 and < 1 ? value : throw new ArgumentOutOfRangeException(name, value, $"{name} must be in [0, 1).");
}

namespace MedPeft.Lora.Common;

/// <summary>The generator that seeds the others: neighbouring states give unrelated numbers (Steele, Lea and Flood 2014, OOPSLA, "Fast splittable pseudorandom number generators").</summary>
internal static class SplitMix64
{
    /// <summary>What neighbouring states lie apart: 2⁶⁴ divided by the golden ratio.</summary>
    public const ulong Step = 0x9E3779B97F4A7C15;

    /// <summary>Goes to the next state.</summary>
    /// <returns>Its number.</returns>
    public static ulong Next(ref ulong state) => Mix(state += Step);

    /// <summary>The number of a state: a bijection in which every bit depends on every bit.</summary>
    public static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}

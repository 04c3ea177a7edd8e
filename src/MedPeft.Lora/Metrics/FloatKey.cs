using System.Runtime.InteropServices;

namespace MedPeft.Lora.Metrics;

/// <summary>Maps finite floats to unsigned integers of the same order, so that scores can be sorted by their bits.</summary>
internal static class FloatKey
{
    /// <summary>The key of a score; -0.0 has the key of 0.0.</summary>
    public static uint Of(float score)
    {
        var bits = BitConverter.SingleToUInt32Bits(score + 0f); // -0.0 + 0.0 = 0.0: the two zeros tie, as they do for ==
        return bits ^ ((uint)((int)bits >> 31) | 0x8000_0000u); // negative: all bits flipped; positive: the sign bit
    }

    /// <summary>The keys of scores, in their place.</summary>
    public static Span<uint> OfAll(Span<float> scores)
    {
        var keys = MemoryMarshal.Cast<float, uint>(scores);
        for (var i = 0; i < keys.Length; i++) keys[i] = Of(scores[i]);
        return keys;
    }

    /// <summary>The score of a key.</summary>
    public static float Score(uint key) =>
        BitConverter.UInt32BitsToSingle(key ^ ((uint)~((int)key >> 31) | 0x8000_0000u));
}

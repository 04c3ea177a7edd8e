namespace MedPeft.Lora.Metrics;

/// <summary>Cases in the order of their scores.</summary>
internal static class RankedIndices
{
    /// <summary>The cases whose label is not missing, by rising score: the key of the score in the upper 32 bits, the case's index in the lower.</summary>
    public static ReadOnlySpan<ulong> Ascending(ReadOnlySpan<float> scores, ReadOnlySpan<float> labels)
    {
        var items = GC.AllocateUninitializedArray<ulong>(scores.Length);
        var count = 0;
        for (var i = 0; i < scores.Length; i++)
            if (!float.IsNaN(labels[i])) items[count++] = (ulong)FloatKey.Of(scores[i]) << 32 | (uint)i;
        return RadixSort.Sort(items.AsSpan(0, count), GC.AllocateUninitializedArray<ulong>(count));
    }
}

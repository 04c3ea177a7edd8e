using System.Numerics;
using System.Runtime.Intrinsics;

namespace MedPeft.Lora.Metrics;

/// <summary>
/// Counts the pairs of two lists of scores without sorting either. The scores' range is cut into equal buckets, and the shorter list is laid out by bucket: a score of
/// the longer one is below all that lie in later buckets, and is compared with the few in its own.
/// </summary>
/// <remarks>
/// Exact: the bucket never falls as the score rises, since subtraction, multiplication and rounding do not. Scores that crowd into few buckets would have to be
/// compared too often; then it gives up, and sorting is faster.
/// </remarks>
internal sealed class BucketedPairs(int most)
{
    private const int LeastBuckets = 1 << 8, MostBuckets = 1 << 18, PerScore = 8, Block = 1 << 12;

    // Comparisons for each score beyond which sorting is faster.
    private const int Worthwhile = 6;

    private readonly int[] starts = GC.AllocateUninitializedArray<int>(Buckets(most) + 2);

    /// <summary>Twice the number of pairs in which the first score is above the second, ties counting half.</summary>
    /// <param name="few">The shorter list of finite scores, at most as long as was said; not empty.</param>
    /// <param name="many">The longer list.</param>
    /// <param name="scratch">At least as long as <paramref name="few"/>.</param>
    /// <returns>Null where it gave up.</returns>
    public unsafe long? TwoU(ReadOnlySpan<float> few, ReadOnlySpan<float> many, Span<float> scratch)
    {
        var (a, b) = (Range(few), Range(many));
        var (low, high, buckets) = (Math.Min(a.Low, b.Low), Math.Max(a.High, b.High), Buckets(few.Length));
        var scale = (buckets - 1) / (high - low);
        if (!float.IsFinite(scale) || !float.IsNormal(high - low)) return null;
        LayOut(few, scratch, low, scale, buckets);
        var (twoU, left) = (0L, (long)Worthwhile * (few.Length + many.Length));
        fixed (float* placed = scratch, scores = many)
        fixed (int* start = starts)
        {
            for (var first = 0; first < many.Length; first += Block)
            {
                var last = Math.Min(many.Length, first + Block);
                for (var i = first; i < last; i++)
                {
                    var score = scores[i];
                    var bucket = Bucket(score, low, scale);
                    var (from, to) = (start[bucket], start[bucket + 1]);
                    twoU += 2L * (few.Length - to);
                    left -= to - from;
                    for (var j = from; j < to; j++) twoU += (placed[j] > score ? 1 : 0) + (placed[j] >= score ? 1 : 0);
                }

                if (left < 0) return null;
            }
        }

        return twoU;
    }

    private static int Buckets(int scores) => (int)BitOperations.RoundUpToPowerOf2((uint)Math.Clamp((long)scores * PerScore, LeastBuckets, MostBuckets));

    // Added to 2^23, a float is rounded to a whole number, which its last bits then are.
    private static int Bucket(float score, float low, float scale) => BitConverter.SingleToInt32Bits((score - low) * scale + (1 << 23)) & ((1 << 23) - 1);

    private void LayOut(ReadOnlySpan<float> few, Span<float> placed, float low, float scale, int buckets)
    {
        // Shifted by two, so that placing the scores leaves starts[b] and starts[b + 1] around bucket b.
        var counts = starts.AsSpan(0, buckets + 2);
        counts.Clear();
        foreach (var score in few) counts[Bucket(score, low, scale) + 2]++;
        for (var i = 3; i < counts.Length; i++) counts[i] += counts[i - 1];
        foreach (var score in few) placed[counts[Bucket(score, low, scale) + 1]++] = score;
    }

    private static (float Low, float High) Range(ReadOnlySpan<float> scores)
    {
        var (low, high, i) = (scores[0], scores[0], 0);
        if (scores.Length >= Vector512<float>.Count)
        {
            var (lows, highs) = (Vector512.Create(low), Vector512.Create(high));
            for (; i <= scores.Length - Vector512<float>.Count; i += Vector512<float>.Count)
            {
                var next = Vector512.Create(scores[i..]);
                (lows, highs) = (Vector512.Min(lows, next), Vector512.Max(highs, next));
            }

            for (var lane = 0; lane < Vector512<float>.Count; lane++) (low, high) = (Math.Min(low, lows[lane]), Math.Max(high, highs[lane]));
        }

        for (; i < scores.Length; i++) (low, high) = (Math.Min(low, scores[i]), Math.Max(high, scores[i]));
        return (low, high);
    }
}

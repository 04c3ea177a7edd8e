namespace MedPeft.Lora.Metrics;

/// <summary>Where each case lies among the cases of the other class.</summary>
/// <param name="Values">
/// For a positive, twice the negatives below it plus those it ties with; for a negative, twice the positives above it plus those it ties with;
/// 0 for a missing label. One per case.
/// </param>
/// <param name="Positives">Cases with label 1.</param>
/// <param name="Negatives">Cases with label 0.</param>
internal sealed record Placements(long[] Values, int Positives, int Negatives)
{
    /// <summary>Places the cases of checked cells.</summary>
    public static Placements Of(ReadOnlySpan<float> scores, ReadOnlySpan<float> labels)
    {
        var order = RankedIndices.Ascending(scores, labels);
        var (positives, negatives) = (0, 0);
        foreach (var item in order) _ = labels[(int)(uint)item] == 1f ? positives++ : negatives++;

        var values = new long[scores.Length];
        var (positivesBelow, negativesBelow) = (0, 0);
        for (int start = 0, end; start < order.Length; start = end)
        {
            var (p, n) = (0, 0);
            for (end = start; end < order.Length && order[end] >> 32 == order[start] >> 32; end++) _ = labels[(int)(uint)order[end]] == 1f ? p++ : n++;
            foreach (var item in order[start..end])
            {
                var i = (int)(uint)item;
                values[i] = labels[i] == 1f ? 2L * negativesBelow + n : 2L * (positives - positivesBelow - p) + p;
            }

            positivesBelow += p;
            negativesBelow += n;
        }

        return new Placements(values, positives, negatives);
    }
}

namespace MedPeft.Lora.Metrics;

/// <summary>How often a positive case outscores a negative one, counted exactly.</summary>
/// <param name="TwoU">Twice the Mann-Whitney statistic: 2 for each pair in order, 1 for each tie.</param>
/// <param name="Positives">Cases with label 1.</param>
/// <param name="Negatives">Cases with label 0.</param>
internal readonly record struct PairCount(long TwoU, int Positives, int Negatives)
{
    /// <summary>TwoU / (2PN), or null where one class is absent.</summary>
    public double? Auroc => Positives == 0 || Negatives == 0 ? null : TwoU / (2.0 * Positives * Negatives);

    /// <summary>Counts the pairs of two ascending lists of keys.</summary>
    public static PairCount Of(ReadOnlySpan<uint> positives, ReadOnlySpan<uint> negatives)
    {
        long twoU = 0;
        var below = 0; // negatives below the positive at hand
        var through = 0; // negatives below it or tied with it
        foreach (var key in positives)
        {
            while (below < negatives.Length && negatives[below] < key) below++;
            through = Math.Max(through, below);
            while (through < negatives.Length && negatives[through] == key) through++;
            twoU += (long)below + through;
        }

        return new PairCount(twoU, positives.Length, negatives.Length);
    }
}

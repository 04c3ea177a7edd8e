namespace MedPeft.Lora.Metrics;

/// <summary>One label's cases by falling score: for each distinct score, how many positives and negatives lie at or above it.</summary>
/// <remarks>Every metric that looks at scores through thresholds is a walk over these counts.</remarks>
internal sealed class Ranking
{
    private Ranking(float[] scores, int[] truePositives, int[] falsePositives, int positives, int negatives)
    {
        (Scores, TruePositives, FalsePositives, Positives, Negatives) = (scores, truePositives, falsePositives, positives, negatives);
    }

    /// <summary>The distinct scores, falling.</summary>
    public float[] Scores { get; }

    /// <summary>Positives at or above each score.</summary>
    public int[] TruePositives { get; }

    /// <summary>Negatives at or above each score.</summary>
    public int[] FalsePositives { get; }

    /// <summary>All cases with label 1.</summary>
    public int Positives { get; }

    /// <summary>All cases with label 0.</summary>
    public int Negatives { get; }

    /// <summary>Whether one class is absent.</summary>
    public bool OneClass => Positives == 0 || Negatives == 0;

    /// <summary>Distinct scores.</summary>
    public int Count => Scores.Length;

    /// <summary>Checks the cells and ranks the cases; missing labels are left out.</summary>
    /// <exception cref="ArgumentException">No scores, lengths that differ, a score that is not finite, a label that is not 0, 1 or NaN.</exception>
    public static Ranking Of(ReadOnlySpan<float> scores, ReadOnlySpan<float> labels)
    {
        Cells.Check(scores, labels);
        var keys = GC.AllocateUninitializedArray<uint>(scores.Length);
        var (front, back) = (0, keys.Length);
        for (var i = 0; i < scores.Length; i++)
        {
            if (labels[i] == 1f) keys[front++] = FloatKey.Of(scores[i]);
            else if (labels[i] == 0f) keys[--back] = FloatKey.Of(scores[i]);
        }

        var scratch = GC.AllocateUninitializedArray<uint>(scores.Length);
        var positives = RadixSort.Sort(keys.AsSpan(0, front), scratch);
        var negatives = RadixSort.Sort(keys.AsSpan(back), scratch.AsSpan(front));
        return Merge(positives, negatives);
    }

    /// <summary>Twice the Mann-Whitney statistic.</summary>
    public PairCount Pairs()
    {
        long twoU = 0;
        for (var i = 0; i < Count; i++)
        {
            var (positives, negatives) = At(i);
            twoU += positives * (2L * (Negatives - FalsePositives[i]) + negatives);
        }

        return new PairCount(twoU, Positives, Negatives);
    }

    /// <summary>The positives and negatives of one distinct score.</summary>
    public (int Positives, int Negatives) At(int i) => i == 0
        ? (TruePositives[0], FalsePositives[0])
        : (TruePositives[i] - TruePositives[i - 1], FalsePositives[i] - FalsePositives[i - 1]);

    /// <summary>The counts when cases at or above the i-th score are called positive; -1 calls no case positive.</summary>
    public OperatingPoint Point(int i) => i < 0
        ? new OperatingPoint(float.PositiveInfinity, 0, 0, Negatives, Positives)
        : new OperatingPoint(Scores[i], TruePositives[i], FalsePositives[i], Negatives - FalsePositives[i], Positives - TruePositives[i]);

    private static Ranking Merge(ReadOnlySpan<uint> positives, ReadOnlySpan<uint> negatives)
    {
        var count = 0;
        for (int p = positives.Length - 1, q = negatives.Length - 1; p >= 0 || q >= 0; count++) Pass(positives, negatives, ref p, ref q);
        var (scores, truePositives, falsePositives) = (new float[count], new int[count], new int[count]);
        var (above, below) = (positives.Length - 1, negatives.Length - 1);
        for (var i = 0; i < count; i++)
        {
            scores[i] = FloatKey.Score(Pass(positives, negatives, ref above, ref below));
            truePositives[i] = positives.Length - 1 - above;
            falsePositives[i] = negatives.Length - 1 - below;
        }

        return new Ranking(scores, truePositives, falsePositives, positives.Length, negatives.Length);
    }

    /// <summary>Moves both ends below the greatest key that is left.</summary>
    private static uint Pass(ReadOnlySpan<uint> positives, ReadOnlySpan<uint> negatives, ref int p, ref int q)
    {
        var key = p < 0 ? negatives[q] : q < 0 ? positives[p] : Math.Max(positives[p], negatives[q]);
        while (p >= 0 && positives[p] == key) p--;
        while (q >= 0 && negatives[q] == key) q--;
        return key;
    }
}

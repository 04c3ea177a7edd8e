namespace MedPeft.Lora.Metrics;

/// <summary>The variance of an area under the ROC curve, and the test of two areas, without assumptions on the scores' distribution.</summary>
/// <remarks>
/// DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44:837-845, in O(n log n) by ranks as in Sun and Xu 2014, IEEE Signal Process. Lett. 21:1389-1393.
/// All sums are integers, so identical scores give a difference with variance 0 and p = 1. Cases are taken as independent: where a
/// patient has several images, <see cref="Bootstrap"/> by patient is the honest interval.
/// </remarks>
public static class DeLong
{
    /// <summary>Estimates the area and its variance for one label.</summary>
    /// <param name="scores">One finite score per case.</param>
    /// <param name="labels">1, 0 or NaN (missing: the case is left out), one per score.</param>
    /// <returns>Null where a class has fewer than two cases, which have no variance.</returns>
    /// <exception cref="ArgumentException">No scores, lengths that differ, a score that is not finite, a label that is not 0, 1 or NaN.</exception>
    public static AurocEstimate? Compute(ReadOnlySpan<float> scores, ReadOnlySpan<float> labels) => Compute(Ranking.Of(scores, labels));

    /// <summary>Tests two models on the same cases (paired).</summary>
    /// <param name="scoresA">One finite score per case, from the first model.</param>
    /// <param name="scoresB">One finite score per case, from the second model; the two need no common scale.</param>
    /// <param name="labels">1, 0 or NaN (missing: the case is left out), one per case.</param>
    /// <returns>Null where a class has fewer than two cases.</returns>
    /// <exception cref="ArgumentException">No scores, lengths that differ, a score that is not finite, a label that is not 0, 1 or NaN.</exception>
    public static AurocDifference? Compare(ReadOnlySpan<float> scoresA, ReadOnlySpan<float> scoresB, ReadOnlySpan<float> labels)
    {
        Cells.CheckSameCases(scoresA.Length, scoresB.Length);
        Cells.Check(scoresA, labels);
        Cells.Check(scoresB, labels);
        var (a, b) = (Placements.Of(scoresA, labels), Placements.Of(scoresB, labels));
        if (a.Positives < 2 || a.Negatives < 2) return null;
        Moments positives = default, negatives = default;
        for (var i = 0; i < labels.Length; i++)
        {
            if (labels[i] == 1f) positives.Add(a.Values[i], b.Values[i]);
            else if (labels[i] == 0f) negatives.Add(a.Values[i], b.Values[i]);
        }

        double p = a.Positives, n = a.Negatives;
        return new AurocDifference(
            new AurocEstimate(positives.X / (2 * p * n), Total(positives.VarianceX, negatives.VarianceX), a.Positives, a.Negatives),
            new AurocEstimate(positives.Y / (2 * p * n), Total(positives.VarianceY, negatives.VarianceY), a.Positives, a.Negatives),
            Total(positives.Covariance, negatives.Covariance),
            Total(positives.VarianceOfDifference, negatives.VarianceOfDifference));

        double Total(double overPositives, double overNegatives) => Combine(overPositives, overNegatives, p, n);
    }

    /// <summary>Tests two areas from different, independent cases: two hospitals, or men and women.</summary>
    /// <param name="a">The first.</param>
    /// <param name="b">The second.</param>
    public static AurocDifference Compare(AurocEstimate a, AurocEstimate b)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        return new AurocDifference(a, b, 0, a.Variance + b.Variance);
    }

    /// <summary>Tests two models on the same cases, label by label.</summary>
    /// <param name="scoresA">Finite scores of the first model, [n, K] in row-major order.</param>
    /// <param name="scoresB">Finite scores of the second model, [n, K].</param>
    /// <param name="labels">1, 0 or NaN (missing), [n, K].</param>
    /// <param name="labelNames">The names of the K labels.</param>
    /// <returns>One entry per label, in order; p values are given as they are and adjusted for the number of labels.</returns>
    /// <exception cref="ArgumentException">No scores, lengths that do not fit, a score that is not finite, a label that is not 0, 1 or NaN.</exception>
    public static IReadOnlyList<LabelDifference> ComparePerLabel(
        ReadOnlySpan<float> scoresA, ReadOnlySpan<float> scoresB, ReadOnlySpan<float> labels, IReadOnlyList<string> labelNames)
    {
        Cells.CheckSameCases(scoresA.Length, scoresB.Length);
        var a = new ScoreTable(scoresA, labels, labelNames);
        var b = new ScoreTable(scoresB, labels, labelNames);
        var differences = new AurocDifference?[labelNames.Count];
        Parallel.For(0, differences.Length, k => differences[k] = Compare(a.Scores[k], b.Scores[k], a.Labels[k]));
        var adjusted = Holm([.. differences.Select(d => d?.P)]);
        return [.. differences.Select((d, k) => new LabelDifference(labelNames[k], d, adjusted[k]))];
    }

    internal static AurocEstimate? Compute(Ranking ranking)
    {
        if (ranking.Positives < 2 || ranking.Negatives < 2) return null;
        Moments positives = default, negatives = default;
        var above = 0;
        for (var i = 0; i < ranking.Count; i++)
        {
            var (p, n) = ranking.At(i);
            positives.Add(2L * (ranking.Negatives - ranking.FalsePositives[i]) + n, 0, p);
            negatives.Add(2L * above + p, 0, n);
            above += p;
        }

        return new AurocEstimate(
            positives.X / (2.0 * ranking.Positives * ranking.Negatives),
            Combine(positives.VarianceX, negatives.VarianceX, ranking.Positives, ranking.Negatives),
            ranking.Positives,
            ranking.Negatives);
    }

    /// <summary>Adjusts p values for their number, so that the chance of any false finding stays below the level tested at.</summary>
    internal static double?[] Holm(double?[] values)
    {
        var order = Enumerable.Range(0, values.Length).Where(i => values[i] is not null).OrderBy(i => values[i]).ToArray();
        var adjusted = new double?[values.Length];
        var floor = 0.0;
        for (var rank = 0; rank < order.Length; rank++)
            adjusted[order[rank]] = floor = Math.Max(floor, Math.Min(1, (order.Length - rank) * values[order[rank]]!.Value));
        return adjusted;
    }

    /// <summary>The variance of an area from those of the placements, which count pairs twice: 2N of them at a positive, 2P at a negative.</summary>
    private static double Combine(double overPositives, double overNegatives, double positives, double negatives) =>
        overPositives / (4 * negatives * negatives * positives) + overNegatives / (4 * positives * positives * negatives);
}

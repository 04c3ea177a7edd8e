namespace MedPeft.Lora.Metrics;

/// <summary>The receiver operating characteristic: sensitivity against 1 - specificity as the threshold falls.</summary>
public static class RocCurve
{
    /// <summary>Computes the corners of the curve.</summary>
    /// <remarks>Points on a straight line between their neighbours are left out: the drawn curve and the area under it stay the same.</remarks>
    /// <param name="scores">One finite score per case.</param>
    /// <param name="labels">1, 0 or NaN (missing: the case is left out), one per score.</param>
    /// <returns>Points from (0, 0) to (1, 1), or null where one class is absent.</returns>
    /// <exception cref="ArgumentException">No scores, lengths that differ, a score that is not finite, a label that is not 0, 1 or NaN.</exception>
    public static IReadOnlyList<RocPoint>? Compute(ReadOnlySpan<float> scores, ReadOnlySpan<float> labels) => Compute(Ranking.Of(scores, labels));

    internal static IReadOnlyList<RocPoint>? Compute(Ranking ranking)
    {
        if (ranking.OneClass) return null;
        var points = new List<RocPoint> { new(0, 0, float.PositiveInfinity) };
        var (lastTrue, lastFalse) = (0, 0);
        for (var i = 0; i < ranking.Count; i++)
        {
            var (truePositives, falsePositives) = (ranking.TruePositives[i], ranking.FalsePositives[i]);
            if (i + 1 < ranking.Count)
            {
                var (riseTrue, riseFalse) = ranking.At(i + 1);
                if ((long)(truePositives - lastTrue) * riseFalse == (long)(falsePositives - lastFalse) * riseTrue) continue;
            }

            points.Add(new RocPoint((double)falsePositives / ranking.Negatives, (double)truePositives / ranking.Positives, ranking.Scores[i]));
            (lastTrue, lastFalse) = (truePositives, falsePositives);
        }

        return points;
    }

    /// <summary>The area from 0 to a false positive rate, by trapezoids, exact up to the last division.</summary>
    internal static double AreaUpTo(Ranking ranking, double falsePositiveRate)
    {
        double twiceArea = 0;
        var (lastTrue, lastFalse) = (0, 0);
        var limit = falsePositiveRate * ranking.Negatives;
        for (var i = 0; i < ranking.Count && lastFalse < limit; i++)
        {
            var (riseTrue, riseFalse) = ranking.At(i);
            var width = Math.Min(riseFalse, limit - lastFalse);
            if (riseFalse > 0) twiceArea += width * (2.0 * lastTrue + riseTrue * (width / riseFalse));
            lastTrue += riseTrue;
            lastFalse += riseFalse;
        }

        return twiceArea / (2.0 * ranking.Positives * ranking.Negatives);
    }
}

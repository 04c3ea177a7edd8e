namespace MedPeft.Lora.Metrics;

/// <summary>Precision against recall as the threshold falls.</summary>
public static class PrecisionRecallCurve
{
    /// <summary>Computes the points of the curve.</summary>
    /// <remarks>Between two points of one recall lie, on the same vertical line, points that are left out: the drawn curve stays the same.</remarks>
    /// <param name="scores">One finite score per case.</param>
    /// <param name="labels">1, 0 or NaN (missing: the case is left out), one per score.</param>
    /// <returns>Points from recall 0 to recall 1 and on to the lowest score, or null without positives.</returns>
    /// <exception cref="ArgumentException">No scores, lengths that differ, a score that is not finite, a label that is not 0, 1 or NaN.</exception>
    public static IReadOnlyList<PrecisionRecallPoint>? Compute(ReadOnlySpan<float> scores, ReadOnlySpan<float> labels) => Compute(Ranking.Of(scores, labels));

    internal static IReadOnlyList<PrecisionRecallPoint>? Compute(Ranking ranking)
    {
        if (ranking.Positives == 0) return null;
        var points = new List<PrecisionRecallPoint> { new(0, 1, float.PositiveInfinity) };
        for (var i = 0; i < ranking.Count; i++)
        {
            var found = ranking.TruePositives[i];
            var inside = i > 0 && i + 1 < ranking.Count && ranking.TruePositives[i - 1] == found && ranking.TruePositives[i + 1] == found;
            if (inside) continue;
            points.Add(new PrecisionRecallPoint((double)found / ranking.Positives, found / ((double)found + ranking.FalsePositives[i]), ranking.Scores[i]));
        }

        return points;
    }
}

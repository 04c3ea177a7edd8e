namespace MedPeft.Lora.Metrics;

/// <summary>Average precision: the area under the precision-recall steps, Σ (Rₙ - Rₙ₋₁) Pₙ over the distinct scores, without interpolation.</summary>
public static class AveragePrecision
{
    /// <summary>Computes it for one label, as scikit-learn's average_precision_score does.</summary>
    /// <param name="scores">One finite score per case.</param>
    /// <param name="labels">1, 0 or NaN (missing: the case is left out), one per score.</param>
    /// <returns>A value from 0 to 1, or null without positives. A random order gives about the share of positives.</returns>
    /// <exception cref="ArgumentException">No scores, lengths that differ, a score that is not finite, a label that is not 0, 1 or NaN.</exception>
    public static double? Compute(ReadOnlySpan<float> scores, ReadOnlySpan<float> labels) => Compute(Ranking.Of(scores, labels));

    internal static double? Compute(Ranking ranking)
    {
        if (ranking.Positives == 0) return null;
        var sum = new Sum();
        for (var i = 0; i < ranking.Count; i++)
        {
            var (positives, _) = ranking.At(i);
            var found = ranking.TruePositives[i];
            if (positives > 0) sum.Add(positives * (found / ((double)found + ranking.FalsePositives[i])));
        }

        return sum.Value / ranking.Positives;
    }
}

using System.Globalization;

namespace MedPeft.Lora.Metrics;

/// <summary>The counts at one threshold: a case is called positive when its score is at or above it.</summary>
/// <param name="Threshold">The threshold; positive infinity calls no case positive.</param>
/// <param name="TruePositives">Positives called positive.</param>
/// <param name="FalsePositives">Negatives called positive.</param>
/// <param name="TrueNegatives">Negatives called negative.</param>
/// <param name="FalseNegatives">Positives called negative.</param>
public sealed record OperatingPoint(float Threshold, int TruePositives, int FalsePositives, int TrueNegatives, int FalseNegatives)
{
    /// <summary>TP / (TP + FN), also called recall; null without positives.</summary>
    public double? Sensitivity => Ratio(TruePositives, FalseNegatives);

    /// <summary>TN / (TN + FP); null without negatives.</summary>
    public double? Specificity => Ratio(TrueNegatives, FalsePositives);

    /// <summary>TP / (TP + FP), the positive predictive value; null where no case is called positive.</summary>
    public double? Precision => Ratio(TruePositives, FalsePositives);

    /// <summary>TN / (TN + FN); null where no case is called negative.</summary>
    public double? NegativePredictiveValue => Ratio(TrueNegatives, FalseNegatives);

    /// <summary>2TP / (2TP + FP + FN); null without positives.</summary>
    public double? F1 => TruePositives + FalseNegatives == 0
        ? null
        : 2.0 * TruePositives / (2.0 * TruePositives + FalsePositives + FalseNegatives);

    /// <summary>Sensitivity + specificity - 1 (Youden 1950, Cancer 3:32-35); null where one class is absent.</summary>
    public double? Youden => Sensitivity + Specificity - 1;

    /// <summary>The share of cases called rightly.</summary>
    public double? Accuracy => Ratio(TruePositives + TrueNegatives, FalsePositives + FalseNegatives);

    /// <summary>The counts at a threshold that was chosen elsewhere, on validation cases for instance.</summary>
    /// <param name="scores">One finite score per case.</param>
    /// <param name="labels">1, 0 or NaN (missing: the case is left out), one per score.</param>
    /// <param name="threshold">Scores at or above it are called positive; not NaN.</param>
    /// <exception cref="ArgumentException">No scores, lengths that differ, a score that is not finite, a label that is not 0, 1 or NaN.</exception>
    public static OperatingPoint At(ReadOnlySpan<float> scores, ReadOnlySpan<float> labels, float threshold)
    {
        if (float.IsNaN(threshold))
            throw new ArgumentException("The threshold is NaN; give a score, or positive infinity to call no case positive.", nameof(threshold));
        Cells.Check(scores, labels);
        int truePositives = 0, falsePositives = 0, trueNegatives = 0, falseNegatives = 0;
        for (var i = 0; i < scores.Length; i++)
        {
            var called = scores[i] >= threshold;
            if (labels[i] == 1f) _ = called ? truePositives++ : falseNegatives++;
            else if (labels[i] == 0f) _ = called ? falsePositives++ : trueNegatives++;
        }

        return new OperatingPoint(threshold, truePositives, falsePositives, trueNegatives, falseNegatives);
    }

    /// <summary>The threshold with the greatest F1; of equal ones the lowest, as in scikit-learn's precision_recall_curve.</summary>
    /// <remarks>Chosen on the cases it is measured on, it flatters: choose on validation cases, then use <see cref="At"/> on the test cases.</remarks>
    /// <param name="scores">One finite score per case.</param>
    /// <param name="labels">1, 0 or NaN (missing: the case is left out), one per score.</param>
    /// <returns>Null without positives.</returns>
    /// <exception cref="ArgumentException">No scores, lengths that differ, a score that is not finite, a label that is not 0, 1 or NaN.</exception>
    public static OperatingPoint? MaximumF1(ReadOnlySpan<float> scores, ReadOnlySpan<float> labels) => MaximumF1(Ranking.Of(scores, labels));

    /// <summary>The threshold with the greatest sensitivity + specificity - 1; of equal ones the highest, as in scikit-learn's roc_curve.</summary>
    /// <remarks>Chosen on the cases it is measured on, it flatters: choose on validation cases, then use <see cref="At"/> on the test cases.</remarks>
    /// <param name="scores">One finite score per case.</param>
    /// <param name="labels">1, 0 or NaN (missing: the case is left out), one per score.</param>
    /// <returns>Null where one class is absent. Infinity is the threshold where no score is better than chance.</returns>
    /// <exception cref="ArgumentException">No scores, lengths that differ, a score that is not finite, a label that is not 0, 1 or NaN.</exception>
    public static OperatingPoint? MaximumYouden(ReadOnlySpan<float> scores, ReadOnlySpan<float> labels) => MaximumYouden(Ranking.Of(scores, labels));

    /// <summary>The threshold with the greatest sensitivity among those of a specificity at least as given; of equal ones the most specific.</summary>
    /// <param name="scores">One finite score per case.</param>
    /// <param name="labels">1, 0 or NaN (missing: the case is left out), one per score.</param>
    /// <param name="specificity">From 0 to 1.</param>
    /// <returns>Null where one class is absent.</returns>
    /// <exception cref="ArgumentException">No scores, lengths that differ, a score that is not finite, a label that is not 0, 1 or NaN.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The specificity is not from 0 to 1.</exception>
    public static OperatingPoint? AtSpecificity(ReadOnlySpan<float> scores, ReadOnlySpan<float> labels, double specificity) =>
        AtSpecificity(Ranking.Of(scores, labels), specificity);

    /// <summary>The threshold with the greatest specificity among those of a sensitivity at least as given; of equal ones the most sensitive.</summary>
    /// <param name="scores">One finite score per case.</param>
    /// <param name="labels">1, 0 or NaN (missing: the case is left out), one per score.</param>
    /// <param name="sensitivity">From 0 to 1.</param>
    /// <returns>Null where one class is absent.</returns>
    /// <exception cref="ArgumentException">No scores, lengths that differ, a score that is not finite, a label that is not 0, 1 or NaN.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The sensitivity is not from 0 to 1.</exception>
    public static OperatingPoint? AtSensitivity(ReadOnlySpan<float> scores, ReadOnlySpan<float> labels, double sensitivity) =>
        AtSensitivity(Ranking.Of(scores, labels), sensitivity);

    /// <summary>Threshold, counts and the two rates on one line.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"score >= {Threshold}: sensitivity {TextTable.Number(Sensitivity)}, specificity {TextTable.Number(Specificity)} ")
        + $"(TP {TruePositives}, FP {FalsePositives}, TN {TrueNegatives}, FN {FalseNegatives})";

    internal static OperatingPoint? MaximumF1(Ranking ranking)
    {
        if (ranking.Positives == 0) return null;
        var best = 0;
        for (var i = 1; i < ranking.Count; i++)
        {
            // F1 = 2TP / (P + called positive), compared as fractions: rounding must not choose among equal thresholds.
            var here = (long)ranking.TruePositives[i] * Called(best);
            if (here >= (long)ranking.TruePositives[best] * Called(i)) best = i;
        }

        return ranking.Point(best);

        long Called(int i) => (long)ranking.Positives + ranking.TruePositives[i] + ranking.FalsePositives[i];
    }

    internal static OperatingPoint? MaximumYouden(Ranking ranking)
    {
        if (ranking.OneClass) return null;
        var (best, greatest) = (-1, 0L);
        for (var i = 0; i < ranking.Count; i++)
        {
            var here = (long)ranking.TruePositives[i] * ranking.Negatives - (long)ranking.FalsePositives[i] * ranking.Positives;
            if (here > greatest) (best, greatest) = (i, here);
        }

        return ranking.Point(best);
    }

    internal static OperatingPoint? AtSpecificity(Ranking ranking, double specificity)
    {
        CheckRate(specificity, nameof(specificity));
        if (ranking.OneClass) return null;
        var best = -1;
        for (var i = 0; i < ranking.Count; i++)
        {
            if ((double)(ranking.Negatives - ranking.FalsePositives[i]) / ranking.Negatives < specificity) break;
            if (ranking.TruePositives[i] > (best < 0 ? 0 : ranking.TruePositives[best])) best = i;
        }

        return ranking.Point(best);
    }

    internal static OperatingPoint? AtSensitivity(Ranking ranking, double sensitivity)
    {
        CheckRate(sensitivity, nameof(sensitivity));
        if (ranking.OneClass) return null;
        var best = -1;
        while ((best < 0 ? 0 : (double)ranking.TruePositives[best] / ranking.Positives) < sensitivity) best++;
        while (best + 1 < ranking.Count && ranking.FalsePositives[best + 1] == (best < 0 ? 0 : ranking.FalsePositives[best])) best++;
        return ranking.Point(best);
    }

    internal static void CheckRates(IEnumerable<double> specificities)
    {
        foreach (var specificity in specificities) CheckRate(specificity, nameof(specificity));
    }

    private static void CheckRate(double rate, string name)
    {
        if (!(rate is >= 0 and <= 1)) throw new ArgumentOutOfRangeException(name, rate, $"A {name} lies from 0 to 1.");
    }

    private static double? Ratio(int part, int rest) => (long)part + rest == 0 ? null : part / ((double)part + rest);
}

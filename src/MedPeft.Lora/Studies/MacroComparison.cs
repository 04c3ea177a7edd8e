using MedPeft.Lora.Metrics;

namespace MedPeft.Lora.Studies;

/// <summary>Tests two methods on the macro AUROC of the same cases: paired, over K labels at once, averaged over seeds.</summary>
/// <remarks>
/// DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44:837-845. Their structural components of each label and seed are averaged case by case, so that
/// the covariances between labels, seeds and methods enter; with one label and one seed it is their test itself, digit for digit. Seeds are taken as
/// given: the variance is that of the cases, not of training again.
/// </remarks>
internal static class MacroComparison
{
    /// <param name="a">Logits of the first method, a table [n, K] for each seed.</param>
    /// <param name="b">Logits of the second, of the same seeds.</param>
    /// <param name="labels">1, 0 or NaN, [n, K].</param>
    /// <param name="count">K.</param>
    /// <returns>A - B and its two-sided p, 1 for identical scores; null where no label has two cases of each class.</returns>
    public static (double Difference, double P)? Test(IReadOnlyList<float[]> a, IReadOnlyList<float[]> b, float[] labels, int count)
    {
        var rows = labels.Length / count;
        var influence = new double[rows];
        var (difference, used) = (0.0, 0);
        for (var k = 0; k < count; k++)
        {
            var truth = Column(labels, k, count);
            double positives = truth.Count(label => label == 1f), negatives = truth.Count(label => label == 0f);
            if (positives < 2 || negatives < 2) continue;
            used++;
            for (var seed = 0; seed < a.Count; seed++)
            {
                var (first, second) = (Placements.Of(Column(a[seed], k, count), truth), Placements.Of(Column(b[seed], k, count), truth));
                var value = Sum(first, second, truth, 1f) / (2 * negatives * positives);
                difference += value;
                var (ofPositive, ofNegative) = (1 / Math.Sqrt(positives * (positives - 1)), 1 / Math.Sqrt(negatives * (negatives - 1)));
                for (var i = 0; i < rows; i++)
                {
                    double gap = first.Values[i] - second.Values[i];
                    if (truth[i] == 1f) influence[i] += (gap / (2 * negatives) - value) * ofPositive;
                    else if (truth[i] == 0f) influence[i] += (gap / (2 * positives) - value) * ofNegative;
                }
            }
        }

        if (used == 0) return null;
        double terms = used * a.Count, variance = 0;
        foreach (var part in influence) variance += part / terms * (part / terms);
        difference /= terms;
        return (difference, difference == 0 ? 1 : Normal.TwoSided(difference / Math.Sqrt(variance)));
    }

    /// <summary>A column of a table in row-major order.</summary>
    public static float[] Column(float[] table, int column, int columns)
    {
        var result = new float[table.Length / columns];
        for (var row = 0; row < result.Length; row++) result[row] = table[row * columns + column];
        return result;
    }

    private static double Sum(Placements a, Placements b, float[] truth, float label)
    {
        long sum = 0;
        for (var i = 0; i < truth.Length; i++)
            if (truth[i] == label) sum += a.Values[i] - b.Values[i];
        return sum;
    }
}

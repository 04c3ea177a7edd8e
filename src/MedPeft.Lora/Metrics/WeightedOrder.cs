namespace MedPeft.Lora.Metrics;

/// <summary>One label's cases by rising score, for areas under the ROC curve of many resamples: sorted once, then one pass per resample.</summary>
internal sealed class WeightedOrder
{
    // Per case: the unit that is drawn, whether the next case has a greater score, and the label.
    private readonly (int Unit, bool Last, bool Positive)[] cases;

    /// <summary>Orders the cases of one label.</summary>
    /// <param name="scores">Checked scores.</param>
    /// <param name="labels">Checked labels.</param>
    /// <param name="unitOf">The unit of resampling of each case.</param>
    public WeightedOrder(ReadOnlySpan<float> scores, ReadOnlySpan<float> labels, int[] unitOf)
    {
        var order = RankedIndices.Ascending(scores, labels);
        cases = new (int, bool, bool)[order.Length];
        for (var i = 0; i < order.Length; i++)
        {
            var index = (int)(uint)order[i];
            cases[i] = (unitOf[index], i + 1 == order.Length || order[i + 1] >> 32 != order[i] >> 32, labels[index] == 1f);
        }
    }

    /// <summary>The area when each unit counts as often as it was drawn; NaN where one class is absent.</summary>
    public double Auroc(int[] weights)
    {
        long twoU = 0, positives = 0, negatives = 0, tiedPositives = 0, tiedNegatives = 0;
        foreach (var (unit, last, positive) in cases)
        {
            var weight = weights[unit];
            if (positive) tiedPositives += weight;
            else tiedNegatives += weight;
            if (!last) continue;
            twoU += tiedPositives * (2 * negatives + tiedNegatives);
            positives += tiedPositives;
            negatives += tiedNegatives;
            (tiedPositives, tiedNegatives) = (0, 0);
        }

        return twoU / (2.0 * positives * negatives); // 0 / 0 is NaN
    }
}

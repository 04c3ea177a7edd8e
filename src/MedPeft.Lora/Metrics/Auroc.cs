namespace MedPeft.Lora.Metrics;

/// <summary>The area under the receiver operating characteristic: how often a positive case outscores a negative one, ties counting half.</summary>
/// <remarks>
/// Exact: twice the Mann-Whitney statistic U is counted as an integer, by midranks (Hanley and McNeil 1982, Radiology 143:29-36). Scores need
/// no scale: logits and probabilities give the same value, except that a probability may round two logits to a tie.
/// </remarks>
public static class Auroc
{
    /// <summary>Below this many cells a second thread starts later than the first ends.</summary>
    private const int WorthAThread = 1 << 16;

    /// <summary>Computes the area for one label.</summary>
    /// <param name="scores">One finite score per case; a higher score means more likely positive. -0.0 ties with 0.0.</param>
    /// <param name="labels">1 (positive), 0 (negative) or NaN (missing: the case is left out), one per score.</param>
    /// <returns>A value from 0 to 1, or null where the labels present are all of one class.</returns>
    /// <exception cref="ArgumentException">No scores, lengths that differ, a score that is not finite, a label that is not 0, 1 or NaN.</exception>
    public static double? Compute(ReadOnlySpan<float> scores, ReadOnlySpan<float> labels)
    {
        Cells.Check(scores, labels);
        return Count(scores, labels).Auroc;
    }

    /// <summary>Computes the area for each label and their mean.</summary>
    /// <param name="scores">Finite scores, [n, K] in row-major order.</param>
    /// <param name="labels">1, 0 or NaN (missing), [n, K] in row-major order.</param>
    /// <param name="labelNames">The names of the K labels.</param>
    /// <param name="threads">Threads at most; 0, the default, is all cores. The result does not depend on it.</param>
    /// <returns>A label whose cases are all of one class has no value and does not enter the mean.</returns>
    /// <exception cref="ArgumentException">No scores, lengths that do not fit, a score that is not finite, a label that is not 0, 1 or NaN.</exception>
    public static unsafe AurocReport PerLabel(
        ReadOnlySpan<float> scores, ReadOnlySpan<float> labels, IReadOnlyList<string> labelNames, int threads = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        var rows = Cells.CheckTable(scores.Length, labels.Length, labelNames);
        var labelCount = labelNames.Count;
        var workers = scores.Length < WorthAThread ? 1 : Math.Min(threads == 0 ? Environment.ProcessorCount : threads, labelCount);
        var width = Math.Min(PairCounter.MostColumns, (labelCount + workers - 1) / workers);
        var groups = (labelCount + width - 1) / width;
        var counts = new PairCount[labelCount];
        var valid = true;
        if (workers == 1)
        {
            var counter = new PairCounter(rows, width);
            for (var first = 0; first < labelCount; first += width)
                valid &= counter.Count(scores, labels, labelCount, first, counts.AsSpan(first, Math.Min(width, labelCount - first)));
        }
        else
        {
            fixed (float* s = scores, l = labels)
            {
                // A lambda cannot hold a span; the pointers stay pinned until Parallel.For returns.
                var (scoresAt, labelsAt, length) = ((nint)s, (nint)l, scores.Length);
                Parallel.For(0, groups, new ParallelOptions { MaxDegreeOfParallelism = workers }, () => new PairCounter(rows, width), (group, _, counter) =>
                {
                    var first = group * width;
                    if (!counter.Count(
                        new ReadOnlySpan<float>((float*)scoresAt, length), new ReadOnlySpan<float>((float*)labelsAt, length),
                        labelCount, first, counts.AsSpan(first, Math.Min(width, labelCount - first))))
                        Volatile.Write(ref valid, false);
                    return counter;
                }, static _ => { });
            }
        }

        if (!valid) Cells.CheckCells(scores, labels, labelNames); // throws, naming the first bad cell
        return new AurocReport(counts.Select((count, k) => LabelAuroc.Of(labelNames[k], count)));
    }

    /// <summary>Computes the area up to a false positive rate, scaled so that chance gives 0.5 and a perfect order 1.</summary>
    /// <remarks>McClish 1989, Medical Decision Making 9:190-195; scikit-learn's roc_auc_score with max_fpr.</remarks>
    /// <param name="scores">One finite score per case.</param>
    /// <param name="labels">1, 0 or NaN (missing: the case is left out), one per score.</param>
    /// <param name="falsePositiveRate">The highest rate of interest, above 0 and at most 1, where the value is the whole area.</param>
    /// <returns>Null where one class is absent.</returns>
    /// <exception cref="ArgumentException">No scores, lengths that differ, a score that is not finite, a label that is not 0, 1 or NaN.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The rate is not above 0 and at most 1.</exception>
    public static double? Partial(ReadOnlySpan<float> scores, ReadOnlySpan<float> labels, double falsePositiveRate) =>
        Partial(Ranking.Of(scores, labels), falsePositiveRate);

    internal static double? Partial(Ranking ranking, double falsePositiveRate)
    {
        CheckPartial(falsePositiveRate);
        if (ranking.OneClass) return null;
        if (falsePositiveRate == 1) return ranking.Pairs().Auroc;
        var chance = falsePositiveRate * falsePositiveRate / 2;
        return (1 + (RocCurve.AreaUpTo(ranking, falsePositiveRate) - chance) / (falsePositiveRate - chance)) / 2;
    }

    internal static void CheckPartial(double falsePositiveRate)
    {
        if (!(falsePositiveRate is > 0 and <= 1))
        {
            throw new ArgumentOutOfRangeException(
                nameof(falsePositiveRate), falsePositiveRate, "A partial area ends at a false positive rate above 0 and at most 1.");
        }
    }

    /// <summary>Counts the pairs of one label whose cells are checked.</summary>
    internal static PairCount Count(ReadOnlySpan<float> scores, ReadOnlySpan<float> labels)
    {
        Span<PairCount> count = stackalloc PairCount[1];
        new PairCounter(scores.Length, 1).Count(scores, labels, 1, 0, count);
        return count[0];
    }
}

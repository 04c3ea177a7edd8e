namespace MedPeft.Lora.Metrics;

/// <summary>Evaluates the cases of each subgroup (sex, age band, view, hospital) by themselves, so that a gap does not hide in a mean.</summary>
/// <remarks>Seyyed-Kalantari et al. 2021, Nature Medicine 27:2176-2182, on such gaps in chest-radiograph classifiers.</remarks>
public static class Subgroups
{
    private const string Unknown = "unknown";

    /// <summary>Compares the subgroups.</summary>
    /// <param name="scores">Finite scores, [n, K] in row-major order.</param>
    /// <param name="labels">1, 0 or NaN (missing), [n, K].</param>
    /// <param name="labelNames">The names of the K labels.</param>
    /// <param name="groups">The group of each of the n cases; null where it is not known. <see cref="AgeBands.Name"/> makes groups of ages.</param>
    /// <param name="leastPerClass">Groups with fewer positives or negatives of a label do not enter its gap, at least 2; 10 unless given.</param>
    /// <exception cref="ArgumentException">
    /// No scores, lengths that do not fit, a score that is not finite, a label that is not 0, 1 or NaN; groups that are not one per case.
    /// </exception>
    public static SubgroupReport Compare(
        ReadOnlySpan<float> scores, ReadOnlySpan<float> labels, IReadOnlyList<string> labelNames, IReadOnlyList<string?> groups, int leastPerClass = 10)
    {
        ArgumentNullException.ThrowIfNull(groups);
        ArgumentOutOfRangeException.ThrowIfLessThan(leastPerClass, 2);
        var table = new ScoreTable(scores, labels, labelNames);
        var keys = GroupKeys.Check([.. groups.Select(g => g ?? Unknown)], table.Rows, nameof(groups));
        var result = Enumerable.Range(0, keys.Names.Count)
            .OrderBy(g => keys.Names[g] == Unknown).ThenBy(g => keys.Names[g], StringComparer.Ordinal)
            .Select(g => Evaluate(table, keys.Names[g], [.. Enumerable.Range(0, table.Rows).Where(row => keys.Of[row] == g)]))
            .ToArray();
        var gaps = Enumerable.Range(0, table.Names.Length).Select(k => Gap(result, k, leastPerClass)).OfType<SubgroupGap>();
        return new SubgroupReport(result, [.. gaps], leastPerClass);
    }

    private static Subgroup Evaluate(ScoreTable table, string name, int[] rows)
    {
        var rankings = table.Names.Select((_, k) => Ranking.Of(Pick(table.Scores[k]), Pick(table.Labels[k]))).ToArray();
        var auroc = new AurocReport(rankings.Select((ranking, k) => LabelAuroc.Of(table.Names[k], ranking.Pairs())));
        return new Subgroup(name, rows.Length, auroc, [.. rankings.Select(DeLong.Compute)]);

        float[] Pick(float[] column) => Array.ConvertAll(rows, row => column[row]);
    }

    private static SubgroupGap? Gap(Subgroup[] groups, int label, int leastPerClass)
    {
        var enough = groups
            .Where(g => g.Auroc.PerLabel[label].Positives >= leastPerClass && g.Auroc.PerLabel[label].Negatives >= leastPerClass)
            .OrderByDescending(g => g.Estimates[label]!.Value).ToArray(); // a stable sort: of equal areas the first name
        if (enough.Length < 2) return null;
        var (best, worst) = (enough[0], enough[^1]);
        return new SubgroupGap(best.Auroc.Labels[label], best.Name, worst.Name, DeLong.Compare(best.Estimates[label]!, worst.Estimates[label]!));
    }
}

namespace MedPeft.Lora.Metrics;

/// <summary>Percentile intervals from resamples of the cases, or of whole patients.</summary>
/// <remarks>
/// Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 13.
/// Each resample has a generator of its own, so the result depends on the seed alone, never on the number of threads. A resample in
/// which a label has cases of one class only is drawn again, and the estimate says how often that happened.
/// </remarks>
public static class Bootstrap
{
    /// <summary>Resamples the area under the ROC curve of one label.</summary>
    /// <param name="scores">One finite score per case.</param>
    /// <param name="labels">1, 0 or NaN (missing: the case is left out), one per score.</param>
    /// <param name="options">Null for the defaults: 2000 resamples of single cases, 95 %.</param>
    /// <returns>Null where one class is absent.</returns>
    /// <exception cref="ArgumentException">
    /// No scores, lengths that differ, a score that is not finite, a label that is not 0, 1 or NaN; groups that are not one per case.
    /// </exception>
    /// <exception cref="InvalidOperationException">A class has so few cases that no resample holds both.</exception>
    public static BootstrapEstimate? Compute(ReadOnlySpan<float> scores, ReadOnlySpan<float> labels, BootstrapOptions? options = null) =>
        PerLabel(scores, labels, [""], options).Macro;

    /// <summary>Resamples the areas of K labels, and their mean, on the same resamples.</summary>
    /// <param name="scores">Finite scores, [n, K] in row-major order.</param>
    /// <param name="labels">1, 0 or NaN (missing), [n, K].</param>
    /// <param name="labelNames">The names of the K labels.</param>
    /// <param name="options">Null for the defaults: 2000 resamples of single cases, 95 %.</param>
    /// <exception cref="ArgumentException">
    /// No scores, lengths that do not fit, a score that is not finite, a label that is not 0, 1 or NaN; groups that are not one per case.
    /// </exception>
    /// <exception cref="InvalidOperationException">A class has so few cases that no resample holds both.</exception>
    public static BootstrapReport PerLabel(
        ReadOnlySpan<float> scores, ReadOnlySpan<float> labels, IReadOnlyList<string> labelNames, BootstrapOptions? options = null) =>
        PerLabel(new ScoreTable(scores, labels, labelNames), null, options);

    /// <summary>Resamples the difference of two models' areas on the same cases: A - B.</summary>
    /// <param name="scoresA">One finite score per case, from the first model.</param>
    /// <param name="scoresB">One finite score per case, from the second model.</param>
    /// <param name="labels">1, 0 or NaN (missing: the case is left out), one per case.</param>
    /// <param name="options">Null for the defaults: 2000 resamples of single cases, 95 %.</param>
    /// <returns>Null where one class is absent.</returns>
    /// <exception cref="ArgumentException">
    /// No scores, lengths that do not fit, a score that is not finite, a label that is not 0, 1 or NaN; groups that are not one per case.
    /// </exception>
    /// <exception cref="InvalidOperationException">A class has so few cases that no resample holds both.</exception>
    public static BootstrapEstimate? Compare(
        ReadOnlySpan<float> scoresA, ReadOnlySpan<float> scoresB, ReadOnlySpan<float> labels, BootstrapOptions? options = null) =>
        ComparePerLabel(scoresA, scoresB, labels, [""], options).Macro;

    /// <summary>Resamples the differences of two models' areas, A - B, of K labels and of their means, on the same resamples.</summary>
    /// <param name="scoresA">Finite scores of the first model, [n, K] in row-major order.</param>
    /// <param name="scoresB">Finite scores of the second model, [n, K].</param>
    /// <param name="labels">1, 0 or NaN (missing), [n, K].</param>
    /// <param name="labelNames">The names of the K labels.</param>
    /// <param name="options">Null for the defaults: 2000 resamples of single cases, 95 %.</param>
    /// <exception cref="ArgumentException">
    /// No scores, lengths that do not fit, a score that is not finite, a label that is not 0, 1 or NaN; groups that are not one per case.
    /// </exception>
    /// <exception cref="InvalidOperationException">A class has so few cases that no resample holds both.</exception>
    public static BootstrapReport ComparePerLabel(
        ReadOnlySpan<float> scoresA, ReadOnlySpan<float> scoresB, ReadOnlySpan<float> labels, IReadOnlyList<string> labelNames,
        BootstrapOptions? options = null)
    {
        Cells.CheckSameCases(scoresA.Length, scoresB.Length);
        return PerLabel(new ScoreTable(scoresA, labels, labelNames), new ScoreTable(scoresB, labels, labelNames), options);
    }

    /// <summary>Resamples any statistic.</summary>
    /// <param name="cases">The number of cases, n.</param>
    /// <param name="statistic">
    /// The statistic of the cases at some rows (0 … n - 1, rising, repeated as often as drawn), or null where it is not defined, upon which the
    /// resample is drawn again. Called from several threads at once; an exception of its own ends the run.
    /// </param>
    /// <param name="options">Null for the defaults: 2000 resamples of single cases, 95 %.</param>
    /// <returns>Null where the statistic is not defined for the cases themselves.</returns>
    /// <exception cref="ArgumentException">Groups that are not one per case.</exception>
    /// <exception cref="InvalidOperationException">The statistic is not defined for any resample.</exception>
    public static BootstrapEstimate? Statistic(int cases, Func<int[], double?> statistic, BootstrapOptions? options = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(cases);
        ArgumentNullException.ThrowIfNull(statistic);
        var resampler = new Resampler(cases, options);
        if (statistic([.. Enumerable.Range(0, cases)]) is not { } observed) return null;
        return resampler.Run([observed], (weights, values) =>
        {
            var value = statistic(Rows(resampler.UnitOf, weights));
            values[0] = value ?? 0;
            return value is not null;
        })[0];
    }

    private static int[] Rows(int[] unitOf, int[] weights)
    {
        var rows = new List<int>(unitOf.Length);
        for (var row = 0; row < unitOf.Length; row++)
            for (var i = weights[unitOf[row]]; i > 0; i--) rows.Add(row);
        return [.. rows];
    }

    private static BootstrapReport PerLabel(ScoreTable a, ScoreTable? b, BootstrapOptions? options)
    {
        var resampler = new Resampler(a.Rows, options);
        var scored = Enumerable.Range(0, a.Names.Length).Where(k => a.Labels[k].Contains(0f) && a.Labels[k].Contains(1f)).ToArray();
        var first = Array.ConvertAll(scored, k => new WeightedOrder(a.Scores[k], a.Labels[k], resampler.UnitOf));
        var second = b is null ? null : Array.ConvertAll(scored, k => new WeightedOrder(b.Scores[k], b.Labels[k], resampler.UnitOf));
        var perLabel = Array.ConvertAll(a.Names, name => new LabelBootstrap(name, null));
        if (scored.Length == 0) return new BootstrapReport(perLabel, null);

        var observed = new double[scored.Length + 1];
        Evaluate([.. Enumerable.Repeat(1, resampler.Units)], observed);
        var estimates = resampler.Run(observed, Evaluate);
        for (var s = 0; s < scored.Length; s++) perLabel[scored[s]] = perLabel[scored[s]] with { Estimate = estimates[s] };
        return new BootstrapReport(perLabel, estimates[^1]);

        // One value per scored label, then their mean.
        bool Evaluate(int[] weights, Span<double> values)
        {
            var sum = 0.0;
            for (var s = 0; s < scored.Length; s++)
            {
                values[s] = first[s].Auroc(weights) - (second?[s].Auroc(weights) ?? 0);
                if (double.IsNaN(values[s])) return false;
                sum += values[s];
            }

            values[scored.Length] = sum / scored.Length;
            return true;
        }
    }
}

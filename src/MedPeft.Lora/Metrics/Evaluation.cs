using System.Globalization;

namespace MedPeft.Lora.Metrics;

/// <summary>Evaluates a multi-label classifier: discrimination, operating points, calibration, intervals.</summary>
public static class Evaluation
{
    /// <summary>Evaluates K labels on n cases.</summary>
    /// <param name="scores">Finite probabilities or logits, [n, K] in row-major order.</param>
    /// <param name="labels">1, 0 or NaN (missing), [n, K].</param>
    /// <param name="labelNames">The names of the K labels.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <exception cref="ArgumentException">
    /// No scores, lengths that do not fit, a score that is not finite or no probability where the options say so, a label that is not 0, 1 or
    /// NaN, a temperature for probabilities, thresholds that do not name a label.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">A specificity or the partial area's end is out of range.</exception>
    public static EvaluationReport Run(
        ReadOnlySpan<float> scores, ReadOnlySpan<float> labels, IReadOnlyList<string> labelNames, EvaluationOptions? options = null)
    {
        options ??= new EvaluationOptions();
        var table = new ScoreTable(scores, labels, labelNames);
        if (options.Scores == ScoreKind.Probability) CheckProbabilities(table, options);
        var thresholds = ThresholdsOf(table.Names, options.Thresholds);
        OperatingPoint.CheckRates(options.Specificities);
        Auroc.CheckPartial(options.PartialUpTo);

        var perLabel = new LabelEvaluation[table.Names.Length];
        var pairs = new PairCount[perLabel.Length];
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = options.Threads == 0 ? Environment.ProcessorCount : options.Threads };
        Parallel.For(0, perLabel.Length, parallel, k =>
            perLabel[k] = Label(table.Names[k], table.Scores[k], table.Labels[k], options, thresholds?[k], out pairs[k]));
        return new EvaluationReport(
            table.Rows,
            options,
            perLabel,
            new AurocReport(pairs.Select((p, k) => LabelAuroc.Of(table.Names[k], p))),
            options.Bootstrap is null ? null : Bootstrap.PerLabel(scores, labels, labelNames, options.Bootstrap));
    }

    private static LabelEvaluation Label(
        string name, float[] scores, float[] labels, EvaluationOptions options, LabelThresholds? thresholds, out PairCount pairs)
    {
        var ranking = Ranking.Of(scores, labels);
        var estimate = DeLong.Compute(ranking);
        var probabilities = options.Scores == ScoreKind.Logit
            ? Calibration.Probabilities(scores, options.Temperature)
            : Array.ConvertAll(scores, s => (double)s);
        var reliability = Calibration.Reliability(probabilities, labels, options.Bins);
        pairs = ranking.Pairs();
        return new LabelEvaluation
        {
            Label = name,
            Positives = ranking.Positives,
            Negatives = ranking.Negatives,
            Missing = labels.Length - ranking.Positives - ranking.Negatives,
            Auroc = pairs.Auroc,
            Estimate = estimate,
            Interval = estimate?.Interval(options.Level).Within(0, 1),
            PartialAuroc = Auroc.Partial(ranking, options.PartialUpTo),
            AveragePrecision = AveragePrecision.Compute(ranking),
            AtSpecificities = [.. options.Specificities.Select(s => OperatingPoint.AtSpecificity(ranking, s))],
            MaximumF1 = OperatingPoint.MaximumF1(ranking),
            MaximumYouden = OperatingPoint.MaximumYouden(ranking),
            AtF1Threshold = thresholds?.F1 is { } f1 ? OperatingPoint.At(scores, labels, f1) : null,
            AtYoudenThreshold = thresholds?.Youden is { } youden ? OperatingPoint.At(scores, labels, youden) : null,
            Brier = Calibration.Brier(probabilities, labels),
            NegativeLogLikelihood = Calibration.NegativeLogLikelihood(probabilities, labels),
            CalibrationError = Calibration.ExpectedError(reliability),
            Reliability = reliability,
            Roc = options.Curves ? RocCurve.Compute(ranking) : null,
            PrecisionRecall = options.Curves ? PrecisionRecallCurve.Compute(ranking) : null,
        };
    }

    private static void CheckProbabilities(ScoreTable table, EvaluationOptions options)
    {
        if (options.Temperature != 1)
        {
            throw new ArgumentException(string.Create(
                CultureInfo.InvariantCulture,
                $"Temperature is {options.Temperature} and Scores are probabilities; a temperature divides logits: ")
                + "pass those, with Scores = ScoreKind.Logit.");
        }

        for (var row = 0; row < table.Rows; row++)
        {
            for (var k = 0; k < table.Names.Length; k++)
            {
                if (table.Scores[k][row] is >= 0 and <= 1) continue;
                throw new ArgumentException(string.Create(
                    CultureInfo.InvariantCulture,
                    $"The score of case {row}, label '{table.Names[k]}', is {table.Scores[k][row]}, no probability. ")
                    + "If the scores are logits, say so: Scores = ScoreKind.Logit.");
            }
        }
    }

    private static LabelThresholds[]? ThresholdsOf(string[] names, IReadOnlyList<LabelThresholds>? thresholds)
    {
        if (thresholds is null) return null;
        return Array.ConvertAll(names, name =>
        {
            var own = thresholds.FirstOrDefault(t => t.Label == name) ?? throw new ArgumentException(
                $"Thresholds has none for the label '{name}'; it names {string.Join(", ", thresholds.Select(t => $"'{t.Label}'"))}. "
                + "Choose them on cases with the same labels.");
            if (own is { F1: not float.NaN, Youden: not float.NaN }) return own;
            throw new ArgumentException(
                $"The {(own.F1 is float.NaN ? "F1" : "Youden")} threshold of the label '{name}' is NaN; give a score, positive infinity, or null for none.");
        });
    }
}

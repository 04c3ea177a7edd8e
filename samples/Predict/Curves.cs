using MedPeft.Lora.Metrics;
using MedPeft.Lora.Prediction;
using MedPeft.Samples.Drawing;

namespace MedPeft.Samples.Predict;

/// <summary>Hands the points of an evaluation's curves to the plots, each as PNG and as SVG.</summary>
internal static class Curves
{
    /// <summary>A share of positives among fewer cases says nothing.</summary>
    private const int FewestInBin = 10;

    public static void Save(string folder, EvaluationReport report, ScoredDataset scored, double temperature)
    {
        var rated = report.PerLabel.Where(label => label is { Auroc: not null, Roc: not null, PrecisionRecall: not null }).ToList();
        RatedCurve[] roc = [.. rated.Select(label => new RatedCurve(
            Name(label.Label), [.. label.Roc!.Select(point => point.FalsePositiveRate)], [.. label.Roc!.Select(point => point.TruePositiveRate)], label.Auroc!.Value,
            label.Interval is { } interval ? (interval.Lower, interval.Upper) : null))];
        RatedCurve[] precision = [.. rated.Select(label => new RatedCurve(
            Name(label.Label), [.. label.PrecisionRecall!.Select(point => point.Recall)], [.. label.PrecisionRecall!.Select(point => point.Precision)], label.AveragePrecision!.Value))];
        var truth = scored.Data.SelectMany(image => image.Labels).ToArray();
        double[] temperatures = temperature == 1 ? [1] : [1, temperature];
        var bins = temperatures.Select(t => Calibration.Reliability(Calibration.Sigmoid(scored.Logits, t), truth)).ToList();
        RatedCurve[] reliability = [.. temperatures.Select((t, k) => new RatedCurve(
            t == 1 ? "as trained" : FormattableString.Invariant($"temperature {t:F2}"),
            [.. Filled(bins[k]).Select(bin => bin.MeanProbability)], [.. Filled(bins[k]).Select(bin => bin.PositiveShare)],
            Calibration.ExpectedError(Calibration.Sigmoid(scored.Logits, t), truth) ?? 0))];
        foreach (var extension in new[] { "png", "svg" })
        {
            EvaluationCharts.SaveRoc(Path.Combine(folder, $"roc.{extension}"), roc);
            EvaluationCharts.SavePrecisionRecall(Path.Combine(folder, $"precision-recall.{extension}"), precision);
            EvaluationCharts.SaveReliability(Path.Combine(folder, $"reliability.{extension}"), reliability, [.. bins.Select(IReadOnlyList<int> (of) => [.. of.Select(bin => bin.Count)])]);
        }
    }

    private static IEnumerable<ReliabilityBin> Filled(IEnumerable<ReliabilityBin> bins) => bins.Where(bin => bin.Count >= FewestInBin);

    private static string Name(string label) => label.Replace('_', ' ');
}

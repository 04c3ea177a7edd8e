using System.Globalization;

namespace MedPeft.Samples.Drawing;

/// <summary>The plots of an evaluation: ROC, precision and recall, reliability.</summary>
public static class EvaluationCharts
{
    /// <summary>Curves in a panel: more colours than these are not told apart.</summary>
    private const int CurvesInPanel = 5;

    private const int PanelWidth = 470;
    private const int PanelHeight = 500;

    private static readonly (double, double) Unit = (-.01, 1.01);

    /// <summary>Draws ROC curves, the best first, each with its area and interval in the legend.</summary>
    /// <param name="path">PNG or SVG.</param>
    /// <param name="curves">False positive rates across, true positive rates up.</param>
    public static void SaveRoc(string path, IEnumerable<RatedCurve> curves) => SaveCurves(
        path, curves, "ROC", new ChartPanel
        {
            Title = "", Series = [], XLabel = "1 − specificity", YLabel = "sensitivity", XRange = Unit, YRange = Unit, TickStep = .2, Diagonal = "guessing", Legend = LegendCorner.LowerRight,
        });

    /// <summary>Draws precision-recall curves, the best first, each with its average precision in the legend.</summary>
    /// <param name="path">PNG or SVG.</param>
    /// <param name="curves">Recalls across, precisions up.</param>
    public static void SavePrecisionRecall(string path, IEnumerable<RatedCurve> curves) => SaveCurves(
        path, curves.Select(Stepped), "Precision and recall", new ChartPanel
        {
            Title = "", Series = [], XLabel = "recall", YLabel = "precision", XRange = Unit, YRange = Unit, TickStep = .2, Legend = LegendCorner.UpperRight,
        });

    /// <summary>Draws what was predicted against what was true, before and after calibration for instance, and how many cases lie where.</summary>
    /// <param name="path">PNG or SVG.</param>
    /// <param name="curves">Mean probabilities across, shares of positives up, the calibration error as their value; bins with few cases left out.</param>
    /// <param name="counts">For each curve, by bin of equal width from 0 to 1, the number of cases.</param>
    public static void SaveReliability(string path, IReadOnlyList<RatedCurve> curves, IReadOnlyList<IReadOnlyList<int>> counts)
    {
        ArgumentNullException.ThrowIfNull(curves);
        ArgumentNullException.ThrowIfNull(counts);
        var reliability = new ChartPanel
        {
            Title = "Reliability", XLabel = "predicted probability", YLabel = "share of positives", XRange = Unit, YRange = Unit, TickStep = .2,
            Diagonal = "perfectly calibrated", Legend = LegendCorner.UpperLeft,
            Series = [.. curves.Select(curve => new ChartSeries(Text($"{curve.Name} (calibration error {curve.Value:F3})"), curve.X, curve.Y) { Marked = true })],
        };
        var bins = counts[0].Count;
        var histogram = new ChartPanel
        {
            Title = "Where the predictions lie", XLabel = "predicted probability", YLabel = "cases, common logarithm",
            Groups = [.. Enumerable.Range(0, bins).Select(bin => Text($"{(bin + .5) / bins:F2}"))],
            Series = [.. curves.Select((curve, k) => new ChartSeries(
                curve.Name, [.. Enumerable.Range(0, bins).Select(bin => (double)bin)], [.. counts[k].Select(count => count == 0 ? double.NaN : Math.Log10(count + 1))]))],
        };
        Charts.Save(path, [reliability, histogram], 2 * (PanelWidth + 60), PanelHeight);
    }

    private static void SaveCurves(string path, IEnumerable<RatedCurve> curves, string title, ChartPanel like)
    {
        ArgumentNullException.ThrowIfNull(curves);
        var panels = curves.OrderByDescending(curve => curve.Value).Chunk(CurvesInPanel).Select((chunk, k) => like with
        {
            Title = k == 0 ? title : Text($"{title}, continued"),
            Series = [.. chunk.Select(curve => new ChartSeries(Rated(curve), curve.X, curve.Y) { Marked = false })],
        }).ToList();
        Charts.Save(path, panels, panels.Count * PanelWidth, PanelHeight);
    }

    private static string Rated(RatedCurve curve) => curve.Interval is { } interval
        ? Text($"{curve.Name} {curve.Value:F3} ({interval.Low:F3} to {interval.High:F3})")
        : Text($"{curve.Name} {curve.Value:F3}");

    // Between two points precision does not move on a straight line (Davis and Goadrich 2006); average precision takes steps.
    private static RatedCurve Stepped(RatedCurve curve)
    {
        // At recall 0 precision is a convention.
        var (x, y) = (new List<double>(), new List<double>());
        for (var i = 0; i < curve.X.Count; i++)
        {
            if (curve.X[i] == 0) continue;
            x.Add(x.Count == 0 ? 0 : x[^1]);
            y.Add(curve.Y[i]);
            x.Add(curve.X[i]);
            y.Add(curve.Y[i]);
        }

        return curve with { X = x, Y = y };
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

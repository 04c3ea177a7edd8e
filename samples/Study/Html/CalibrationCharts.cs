using MedPeft.Lora.Metrics;
using MedPeft.Lora.Studies;
using MedPeft.Samples.Drawing;
using ScottPlot;

namespace MedPeft.Samples.Studies.Html;

/// <summary>Whether probabilities mean what they say: reliability diagrams with all labels, and the calibration error of every task.</summary>
internal static class CalibrationCharts
{
    public static string Write(StudyReport report)
    {
        if (report.Done == 0) return "";
        var methods = report.Runner.Study.Methods.Select(method => method.Name).ToList();
        var most = report.Tasks.GroupBy(task => (task.Backbone, task.Dataset)).Select(group => group.MaxBy(task => task.Fraction)!).ToList();
        var charts = most.Select((task, i) => $"<figure>{Chart(report, task, i, methods)}</figure>");
        return "<p class=\"quiet\">What the models say against what is true, with the most labels; over all findings and seeds, in ten bins. On the diagonal, probabilities are frequencies; below it, the model is too sure.</p>"
            + Markup.Key(methods.Select((method, m) => (method, m, false))) + $"<div class=\"charts\">{string.Concat(charts)}</div>" + Table(report, methods);
    }

    private static string Chart(StudyReport report, TaskReport task, int number, List<string> methods)
    {
        var plot = ThemedSvg.NewPlot(task.ToString(), "mean probability", "share of positives");
        var diagonal = plot.Add.Line(0, 0, 1, 1);
        (diagonal.LineColor, diagonal.LineWidth, diagonal.LinePattern) = (ThemedSvg.Quiet, 1, LinePattern.Dotted);
        var words = new List<string>();
        foreach (var method in methods)
        {
            var bins = report.Reliability(task, method).Where(bin => bin.Count > 0).ToList();
            if (bins.Count == 0) continue;
            var line = plot.Add.Scatter(bins.Select(bin => bin.MeanProbability).ToArray(), bins.Select(bin => bin.PositiveShare).ToArray(), ThemedSvg.Series(methods.IndexOf(method)));
            (line.LineWidth, line.MarkerSize) = (2, 6);
            words.Add($"{method}: " + string.Join(", ", bins.Select(bin => Markup.Text($"{bin.MeanProbability:F2} said, {bin.PositiveShare:F2} true ({bin.Count} cases)"))));
        }

        plot.Axes.SetLimits(0, 1, 0, 1);
        return ThemedSvg.Render(plot, 370, 320, Markup.Text($"reliability-{number}"), $"Reliability on {task}", string.Join("; ", words));
    }

    private static string Table(StudyReport report, List<string> methods)
    {
        var columns = new List<string> { "-backbone", "-data set", "labels" };
        foreach (var method in methods) columns.AddRange([Markup.Escape(method), $"{Markup.Escape(method)}, temperature", "fitted T"]);
        var rows = report.Tasks.Select((task, i) =>
        {
            var cells = new List<string> { Markup.Escape(task.Backbone), Markup.Escape(task.Dataset), Markup.Text($"{100 * task.Fraction:0.###} %") };
            foreach (var method in task.Methods)
            {
                double? Mean(Func<CellResult, double> value) => method.Results.Count == 0 ? null : method.Results.Average(value);
                cells.AddRange([Markup.Percent(Mean(r => r.CalibrationError)), Markup.Percent(Mean(r => r.CalibrationErrorAfterTemperature)), Mean(r => r.Temperature) is { } t ? Markup.Text($"{t:F2}") : ""]);
            }

            return (i > 0 && (report.Tasks[i - 1].Dataset != task.Dataset || report.Tasks[i - 1].Backbone != task.Backbone), (IReadOnlyList<string>)cells);
        });
        return Markup.Table(
            Markup.Text($"Expected calibration error in percent, {Calibration.DefaultBins} equally wide bins, the mean over labels and seeds: as trained, and after a temperature T fitted on validation, which is 1 where none fits."), columns, rows);
    }
}

using MedPeft.Lora.Studies;
using MedPeft.Samples.Drawing;
using ScottPlot;

namespace MedPeft.Samples.Studies.Html;

/// <summary>A row a task: the difference from the reference with its interval, on one scale.</summary>
internal static class DifferenceChart
{
    public static string Write(StudyReport report)
    {
        var others = report.Runner.Study.Methods.Select(method => method.Name).Where(name => name != report.Reference).ToList();
        var charts = others.Select((method, k) => Chart(report, method, k)).Where(chart => chart.Length > 0).ToList();
        return charts.Count == 0 ? "" : string.Concat(charts.Select(chart => $"<figure>{chart}</figure>"));
    }

    private static string Chart(StudyReport report, string name, int number)
    {
        var rows = report.Tasks.Select(task => (Task: task, Method: task.Methods.First(m => m.Method == name))).Where(row => row.Method.Difference is not null).ToList();
        if (rows.Count == 0) return "";
        var plot = ThemedSvg.NewPlot("", $"{name} − {report.Reference}, points of macro AUROC", "");
        plot.Grid.XAxisStyle.IsVisible = true;
        plot.Grid.YAxisStyle.IsVisible = false;
        var zero = plot.Add.VerticalLine(0, 1, ThemedSvg.Quiet);
        zero.LinePattern = LinePattern.Solid;
        for (var i = 0; i < rows.Count; i++)
        {
            var (method, y) = (rows[i].Method, -i);
            var interval = method.DifferenceInterval!.Value;
            var color = method.Difference == 0 ? ThemedSvg.Quiet : ThemedSvg.Series(method.Difference > 0 ? 0 : 1);
            var line = plot.Add.Line(100 * interval.Lower, y, 100 * interval.Upper, y);
            (line.LineColor, line.LineWidth) = (color, 2);
            var point = plot.Add.Marker(100 * method.Difference!.Value, y, method.AdjustedP < .05 ? MarkerShape.FilledCircle : MarkerShape.OpenCircle, 9, color);
            point.MarkerStyle.LineWidth = 2;
            if (method.AdjustedP >= .05) (point.MarkerStyle.FillColor, point.MarkerStyle.LineColor) = (ThemedSvg.Page, color);
        }

        plot.Axes.Left.TickGenerator = new ScottPlot.TickGenerators.NumericManual([.. rows.Select((_, i) => (double)-i)], [.. rows.Select(row => row.Task.ToString())]);
        plot.Axes.Left.TickLabelStyle.ForeColor = ThemedSvg.Ink;
        plot.Axes.SetLimitsY(-rows.Count + .4, .6);
        var reach = 1.08 * Math.Max(.5, rows.Max(row => 100 * Math.Max(Math.Abs(row.Method.DifferenceInterval!.Value.Lower), Math.Abs(row.Method.DifferenceInterval.Value.Upper))));
        plot.Axes.SetLimitsX(-reach, reach);
        var up = plot.Add.Text($"{name} higher →", reach, 1.05);
        Style(up, Alignment.UpperRight, 0);
        var down = plot.Add.Text($"← {report.Reference} higher", -reach, 1.05);
        Style(down, Alignment.UpperLeft, 1);
        plot.Axes.SetLimitsY(-rows.Count + .4, 1.1);
        var words = string.Join("; ", rows.Select(row => Markup.Text($"{row.Task}: {Markup.Points(row.Method.Difference)} ({Markup.Points(row.Method.DifferenceInterval!.Value.Lower)} to {Markup.Points(row.Method.DifferenceInterval.Value.Upper)})")));
        return ThemedSvg.Render(plot, 900, 90 + 24 * rows.Count, Markup.Text($"difference-{number}"), $"{name} less {report.Reference} on each task", words)
            + "<figcaption>Points: the mean over the seeds; lines: 95 % intervals by resampling patients. Filled: p &lt; 0.05 after Holm's correction. One scale for all tasks.</figcaption>";
    }

    private static void Style(ScottPlot.Plottables.Text text, Alignment alignment, int series)
    {
        text.LabelFontColor = ThemedSvg.Series(series);
        text.LabelFontSize = 12;
        text.LabelBold = true;
        text.LabelAlignment = alignment;
    }
}

using MedPeft.Lora.Studies;
using MedPeft.Samples.Drawing;
using ScottPlot;

namespace MedPeft.Samples.Studies.Html;

/// <summary>What a trained parameter buys: one chart a data set, a line from method to method for each backbone and share.</summary>
internal static class ParameterCharts
{
    public static string Write(StudyReport report)
    {
        if (report.Done == 0) return "";
        var methods = report.Runner.Study.Methods.Select(method => method.Name).ToList();
        var groups = report.Tasks.GroupBy(task => (task.Backbone, task.Dataset)).Select((group, i) => $"<figure>{Chart([.. group], i, methods)}</figure>");
        return "<p class=\"quiet\">Each line joins the methods on one task, from few trained parameters to many; at its end the share of the labels. Each chart has its own scale.</p>"
            + Markup.Key(methods.Select((name, i) => (name, i, false))) + $"<div class=\"charts\">{string.Concat(groups)}</div>" + Table(report);
    }

    private static string Chart(IReadOnlyList<TaskReport> tasks, int number, List<string> methods)
    {
        var title = $"{tasks[0].Backbone}, {tasks[0].Dataset}";
        var plot = ThemedSvg.NewPlot(title, "trained parameters", "macro AUROC, %");
        var words = new List<string>();
        foreach (var task in tasks)
        {
            var points = task.Methods.Where(method => method is { Auroc: not null, TrainedParameters: not null })
                .Select(method => (method.Method, Trained: method.TrainedParameters!.Value, X: Math.Log10(method.TrainedParameters.Value), Y: 100 * method.Auroc!.Value)).OrderBy(point => point.X).ToList();
            if (points.Count == 0) continue;
            var line = plot.Add.Scatter(points.Select(p => p.X).ToArray(), points.Select(p => p.Y).ToArray(), ThemedSvg.Quiet);
            (line.LineWidth, line.MarkerSize) = (1, 0);
            foreach (var point in points) plot.Add.Marker(point.X, point.Y, MarkerShape.FilledCircle, 9, ThemedSvg.Series(methods.IndexOf(point.Method)));
            var label = plot.Add.Text(Markup.Text($"{100 * task.Fraction:0.###} %"), points[^1].X + .08, points[^1].Y);
            (label.LabelFontColor, label.LabelFontSize, label.LabelAlignment) = (ThemedSvg.Ink, 11, Alignment.MiddleLeft);
            words.Add(Markup.Text($"{100 * task.Fraction:0.###} % of the labels: {string.Join(", ", points.Select(p => Markup.Text($"{p.Method} {p.Trained:N0} parameters {p.Y:F1} %")))}"));
        }

        var all = tasks.SelectMany(task => task.Methods).Where(m => m.TrainedParameters is not null).Select(m => Math.Log10(m.TrainedParameters!.Value)).ToList();
        if (all.Count == 0) return "";
        double low = Math.Floor(all.Min() - .1), high = Math.Ceiling(all.Max() + .1);
        var ticks = Enumerable.Range((int)low, (int)(high - low) + 1).Select(power => (double)power).ToArray();
        plot.Axes.Bottom.TickGenerator = new ScottPlot.TickGenerators.NumericManual(ticks, [.. ticks.Select(power => power >= 6 ? Markup.Text($"{Math.Pow(10, power - 6):0} M") : power >= 3 ? Markup.Text($"{Math.Pow(10, power - 3):0} k") : Markup.Text($"{Math.Pow(10, power):0}"))]);
        plot.Axes.SetLimitsX(low, high + .35);
        return ThemedSvg.Render(plot, 370, 270, Markup.Text($"parameters-{number}"), $"Trained parameters against AUROC, {title}", string.Join("; ", words));
    }

    private static string Table(StudyReport report)
    {
        var rows = report.Tasks.SelectMany(task => task.Methods.Where(method => method.Results.Count > 0)
            .Select(method => (task.Dataset, task.Fraction, method.Method, Trained: method.TrainedParameters!.Value, Total: method.Results[0].TotalParameters, task.Backbone)))
            .GroupBy(row => (row.Backbone, row.Method, row.Dataset, row.Trained, row.Total))
            .Select((group, i) => (false, (IReadOnlyList<string>)[Markup.Escape(group.Key.Backbone), Markup.Escape(group.Key.Dataset), Markup.Escape(group.Key.Method), Markup.Text($"{group.Key.Trained:N0}"), Markup.Text($"{group.Key.Total:N0}"), Markup.Text($"{100.0 * group.Key.Trained / group.Key.Total:F2} %")]));
        return "<details><summary>The numbers of parameters</summary>" + Markup.Table("", ["-backbone", "-data set", "-method", "trained", "in the model", "share"], rows) + "</details>";
    }
}

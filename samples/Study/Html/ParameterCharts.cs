using MedPeft.Lora.Studies;
using MedPeft.Samples.Drawing;
using ScottPlot;

namespace MedPeft.Samples.Studies.Html;

/// <summary>What a trained parameter buys: one chart a data set, a line from method to method for each backbone and share.</summary>
internal static class ParameterCharts
{
    public static string Write(StudyReport report)
    {
        var sets = report.Tasks.GroupBy(task => task.Dataset).ToList();
        if (report.Done == 0) return "";
        var backbones = report.Runner.Study.Backbones.Select(backbone => backbone.Name).ToList();
        var key = Markup.Key(backbones.Select((name, i) => (name, i, false)));
        return $"<p class=\"quiet\">Each line joins the methods on one task, from few trained parameters to many. Numbers at its end: share of the labels.</p>{key}<div class=\"charts\">"
            + string.Concat(sets.Select((set, i) => $"<figure>{Chart([.. set], set.Key, i, backbones)}</figure>")) + "</div>" + Table(report);
    }

    private static string Chart(IReadOnlyList<TaskReport> tasks, string dataset, int number, List<string> backbones)
    {
        var plot = ThemedSvg.NewPlot(dataset, "trained parameters", "macro AUROC, %");
        var words = new List<string>();
        foreach (var task in tasks)
        {
            var points = task.Methods.Where(method => method is { Auroc: not null, TrainedParameters: not null }).OrderBy(method => method.TrainedParameters).ToList();
            if (points.Count == 0) continue;
            var color = ThemedSvg.Series(backbones.IndexOf(task.Backbone));
            var line = plot.Add.Scatter(points.Select(p => Math.Log10(p.TrainedParameters!.Value)).ToArray(), points.Select(p => 100 * p.Auroc!.Value).ToArray(), color);
            (line.LineWidth, line.MarkerSize) = (2, 7);
            var label = plot.Add.Text(Markup.Text($" {100 * task.Fraction:0.###} %"), Math.Log10(points[^1].TrainedParameters!.Value), 100 * points[^1].Auroc!.Value);
            (label.LabelFontColor, label.LabelFontSize, label.LabelAlignment) = (color, 11, Alignment.MiddleLeft);
            words.Add(Markup.Text($"{task}: {string.Join(", ", points.Select(p => Markup.Text($"{p.Method} {p.TrainedParameters:N0} parameters {100 * p.Auroc:F1} %")))}"));
        }

        var all = tasks.SelectMany(task => task.Methods).Where(m => m.TrainedParameters is not null).Select(m => Math.Log10(m.TrainedParameters!.Value)).ToList();
        if (all.Count == 0) return "";
        double low = Math.Floor(all.Min() - .1), high = Math.Ceiling(all.Max() + .1);
        var ticks = Enumerable.Range((int)low, (int)(high - low) + 1).Select(power => (double)power).ToArray();
        plot.Axes.Bottom.TickGenerator = new ScottPlot.TickGenerators.NumericManual(ticks, [.. ticks.Select(power => power >= 6 ? Markup.Text($"{Math.Pow(10, power - 6):0} M") : power >= 3 ? Markup.Text($"{Math.Pow(10, power - 3):0} k") : Markup.Text($"{Math.Pow(10, power):0}"))]);
        plot.Axes.SetLimitsX(low, high + .25);
        return ThemedSvg.Render(plot, 370, 300, Markup.Text($"parameters-{number}"), $"Trained parameters against AUROC on {dataset}", string.Join("; ", words));
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

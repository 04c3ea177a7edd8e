using MedPeft.Lora.Studies;
using MedPeft.Samples.Drawing;
using ScottPlot;

namespace MedPeft.Samples.Studies.Html;

/// <summary>AUROC on validation, epoch by epoch: a chart for each data set and share, the mean of the seeds.</summary>
internal static class CurveCharts
{
    public static string Write(StudyReport report)
    {
        if (report.Done == 0) return "";
        var (methods, backbones) = (report.Runner.Study.Methods.Select(m => m.Name).ToList(), report.Runner.Study.Backbones.Select(b => b.Name).ToList());
        var key = Markup.Key(methods.SelectMany((method, m) => backbones.Select((backbone, b) => ($"{method}, {backbone}", m, b % 2 == 1))));
        var charts = report.Tasks.GroupBy(task => (task.Dataset, task.Fraction)).Select((group, i) => $"<figure>{Chart([.. group], i, methods, backbones)}</figure>");
        return $"<p class=\"quiet\">Macro AUROC on the validation images, the mean of the seeds; the epoch with the highest is the one that is tested. Each chart has its own scale.</p>{key}<div class=\"charts\">{string.Concat(charts)}</div>";
    }

    private static string Chart(IReadOnlyList<TaskReport> tasks, int number, List<string> methods, List<string> backbones)
    {
        var title = Markup.Text($"{tasks[0].Dataset}, {100 * tasks[0].Fraction:0.###} % of the labels");
        var plot = ThemedSvg.NewPlot(title, "epoch", "macro AUROC, %");
        var words = new List<string>();
        foreach (var task in tasks)
        {
            foreach (var method in task.Methods.Where(method => method.Results.Count > 0))
            {
                var epochs = method.Results.Min(result => result.Epochs.Count);
                var curve = Enumerable.Range(0, epochs).Select(e => 100 * method.Results.Average(result => result.Epochs[e].ValidationAuroc)).ToArray();
                var line = plot.Add.Scatter(Enumerable.Range(1, epochs).Select(e => (double)e).ToArray(), curve, ThemedSvg.Series(methods.IndexOf(method.Method)));
                (line.LineWidth, line.MarkerSize) = (2, epochs < 2 ? 6 : 0);
                line.LinePattern = backbones.IndexOf(task.Backbone) % 2 == 1 ? LinePattern.Dashed : LinePattern.Solid;
                words.Add(Markup.Text($"{method.Method}, {task.Backbone}: {curve[0]:F1} after epoch 1, {curve[^1]:F1} after epoch {epochs}, highest {curve.Max():F1}"));
            }
        }

        plot.Axes.Bottom.TickGenerator = new ScottPlot.TickGenerators.NumericAutomatic { IntegerTicksOnly = true };
        return ThemedSvg.Render(plot, 370, 250, Markup.Text($"curves-{number}"), $"Learning curves, {title}", string.Join("; ", words));
    }
}

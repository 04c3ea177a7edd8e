using MedPeft.Lora.Studies;

namespace MedPeft.Samples.Studies.Html;

/// <summary>The paper's table with ours beside the figures that were published.</summary>
internal static class TaskTable
{
    public static string Write(StudyReport report)
    {
        var methods = report.Runner.Study.Methods;
        var published = methods.Where((_, m) => report.Tasks.Any(task => task.Methods[m].Published is not null)).Select(method => method.Name).ToHashSet();
        var others = methods.Where(method => method.Name != report.Reference).Select(method => method.Name).ToList();
        var columns = new List<string> { "-backbone", "-data set", "labels" };
        foreach (var method in methods)
        {
            columns.Add(Markup.Escape(method.Name));
            if (published.Contains(method.Name)) columns.Add($"{Markup.Escape(method.Name)},<br>published");
        }

        foreach (var method in others) columns.AddRange([$"{Markup.Escape(method)} − {Markup.Escape(report.Reference)}", "p", "p, Holm"]);
        var rows = report.Tasks.Select((task, i) =>
        {
            var first = i == 0 || report.Tasks[i - 1].Backbone != task.Backbone || report.Tasks[i - 1].Dataset != task.Dataset;
            var cells = new List<string> { first ? Markup.Escape(task.Backbone) : "", first ? Markup.Escape(task.Dataset) : "", Markup.Text($"{100 * task.Fraction:0.###} %") };
            var best = task.Methods.Max(method => method.Auroc);
            foreach (var method in task.Methods)
            {
                var score = Markup.Percent(method.Auroc);
                cells.Add((method.Auroc == best && score.Length > 0 ? $"<span class=\"higher\">{score}</span>" : score)
                    + (method.Interval is { } interval ? $" <span class=\"range\">{Markup.Percent(interval.Lower)}–{Markup.Percent(interval.Upper)}</span>" : ""));
                if (published.Contains(method.Method)) cells.Add(method.Published is { } figure ? Markup.Text($"{figure.Auroc:F1}") + Mark(figure) : "");
            }

            foreach (var method in others.Select(name => task.Methods.First(m => m.Method == name)))
            {
                var sign = method.AdjustedP < .05 ? method.Difference > 0 ? " class=\"up higher\"" : " class=\"down higher\"" : "";
                cells.AddRange([
                    method.Difference is null ? "" : $"<span{sign}>{Markup.Points(method.Difference)}</span> <span class=\"range\">{Markup.Points(method.DifferenceInterval!.Value.Lower)} to {Markup.Points(method.DifferenceInterval.Value.Upper)}</span>",
                    Markup.P(method.P), Markup.P(method.AdjustedP)]);
            }

            return (first, (IReadOnlyList<string>)cells);
        });
        var sources = report.Tasks.SelectMany(task => task.Methods).Select(method => method.Published).OfType<PublishedFigure>().Distinct().Select(figure => (Mark: Mark(figure), figure.Source)).Distinct().ToList();
        return Markup.Table(
            "Macro AUROC on the test images in percent, the mean over the seeds; the higher one is bold. The range is the 95 % interval by resampling patients. "
            + "p: paired test of DeLong over all labels and seeds; Holm: corrected for the number of tasks; coloured where it is below 0.05.", columns, rows)
            + (published.Count == 0
                ? "<p class=\"quiet\">No figures were published for these backbones, so none stand beside ours.</p>"
                : $"<p class=\"quiet\">{string.Join("<br>", sources.Select(source => $"{source.Mark} {Markup.Escape(source.Source)}"))}<br>Blank: no figure could be cited. Published figures come from other seeds, code and hardware.</p>");
    }

    private static string Mark(PublishedFigure figure) => figure.Backbone is null ? "<sup>a</sup>" : "<sup>b</sup>";
}

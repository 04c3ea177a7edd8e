using System.Text;
using MedPeft.Lora.Studies;

namespace MedPeft.Samples.Studies.Html;

/// <summary>Macro AUROC by sex, age and view with the most labels, and the gap between the best and the worst group of each method.</summary>
internal static class SubgroupTables
{
    private const int LeastPerClass = 10;

    public static string Write(StudyReport report)
    {
        if (report.Done == 0) return "";
        var html = new StringBuilder();
        var most = report.Tasks.GroupBy(task => (task.Backbone, task.Dataset)).Select(group => group.MaxBy(task => task.Fraction)!).ToList();
        foreach (var kind in Enum.GetValues<SubgroupKind>())
        {
            var rows = new List<(bool, IReadOnlyList<string>)>();
            var methods = report.Runner.Study.Methods.Select(method => method.Name).ToList();
            foreach (var task in most)
            {
                var groups = report.Subgroups(task, kind, LeastPerClass);
                for (var g = 0; g < groups.Count; g++)
                {
                    var cells = new List<string> { g == 0 ? Markup.Escape(task.ToString()) : "", Markup.Escape(groups[g].Name), Markup.Text($"{groups[g].Images}"), Markup.Text($"{groups[g].Labels}") };
                    foreach (var method in methods)
                    {
                        var scores = groups.Select(group => Score(group, method)).ToList();
                        cells.Add(Markup.Percent(scores[g]));
                        cells.Add(g == 0 && scores[0] is not null ? Markup.Percent(scores.Max() - scores.Min()) : "");
                    }

                    rows.Add((g == 0 && rows.Count > 0, cells));
                }
            }

            if (rows.Count == 0) continue;
            html.Append(Markup.Text($"<h3>By {kind.ToString().ToLowerInvariant()}</h3>"));
            html.Append(Markup.Table("", ["-task", "-group", "images", "findings", .. methods.SelectMany(method => new[] { Markup.Escape(method), "gap" })], rows));
        }

        return html.Length == 0 ? "" : Markup.Text($"<p class=\"quiet\">Macro AUROC in percent, with the most labels, the mean over the seeds, over the findings of which every group has {LeastPerClass} images with and {LeastPerClass} without. Small groups spread widely: a gap here is a question, not an answer.</p>{html}");
    }

    private static double? Score(SubgroupScore group, string method)
    {
        foreach (var (name, auroc) in group.Auroc)
            if (name == method) return auroc;
        return null;
    }
}

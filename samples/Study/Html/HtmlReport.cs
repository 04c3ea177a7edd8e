using MedPeft.Lora.Studies;

namespace MedPeft.Samples.Studies.Html;

/// <summary>The page: one file without scripts or links to elsewhere, light and dark, readable on paper.</summary>
internal static class HtmlReport
{
    public static string Write(StudyReport report)
    {
        (string Id, string Title, string Body)[] sections =
        [
            ("tasks", "The tasks", TaskTable.Write(report)),
            ("difference", "The differences", DifferenceChart.Write(report)),
            ("parameters", "Trained parameters against AUROC", ParameterCharts.Write(report)),
            ("curves", "Learning curves", CurveCharts.Write(report)),
            ("cost", "Time and memory", CostTable.Write(report)),
            ("calibration", "Calibration", CalibrationCharts.Write(report)),
            ("groups", "Subgroups", SubgroupTables.Write(report)),
            ("judge", "What it takes to judge this", Provenance.Write(report)),
        ];
        return $"""
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>{Markup.Escape(report.Runner.Study.Name)}</title>
            <style>
            {Style()}</style>
            </head>
            <body><main>
            <h1>{Markup.Escape(report.Runner.Study.Name)}</h1>
            {Lead(report)}
            <nav aria-label="Sections">{string.Concat(sections.Select(section => $"<a href=\"#{section.Id}\">{section.Title}</a>"))}</nav>
            {string.Concat(sections.Where(section => section.Body.Length > 0).Select(section => $"<section id=\"{section.Id}\"><h2>{section.Title}</h2>\n{section.Body}\n</section>\n"))}
            </main></body>
            </html>

            """.ReplaceLineEndings("\n");
    }

    private static string Lead(StudyReport report)
    {
        var wins = report.Runner.Study.Methods.Where(method => method.Name != report.Reference).Select(method => report.Words(report.Wins(method.Name)));
        var unfinished = report.Done == report.Runner.Cells.Count ? "" : Markup.Text($"<p><strong>{report.Done} of {report.Runner.Cells.Count} cells are done.</strong> What is missing is left blank.</p>");
        return $"<p class=\"lead\">{Markup.Escape(string.Join(" ", wins))}</p>\n"
            + $"<p class=\"quiet\">The paper: {Markup.Escape(PublishedFigure.Summary)}.</p>\n"
            + string.Concat(report.Runner.Study.Notes.Select(note => $"<p>{Markup.Escape(note)}</p>\n")) + unfinished;
    }

    private static string Style()
    {
        using var stream = typeof(HtmlReport).Assembly.GetManifestResourceStream("report.css")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}

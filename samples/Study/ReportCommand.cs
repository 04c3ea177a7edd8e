using System.CommandLine;
using MedPeft.Lora.Studies;
using MedPeft.Samples.Studies.Html;
using Spectre.Console;

namespace MedPeft.Samples.Studies;

/// <summary><c>study report</c>: the page and the tables.</summary>
internal static class ReportCommand
{
    public static Command Make(Common common)
    {
        var replicates = new Option<int>("--replicates") { Description = "Resamples of the patients.", DefaultValueFactory = _ => 2000, HelpName = "n" };
        return common.Command("report", "Write report.html, and the tables as Markdown and CSV, into the folder of the results.", given =>
        {
            var report = StudyReport.Of(common.Runner(given), given.GetValue(replicates));
            var folder = Directory.CreateDirectory(given.GetValue(common.Output)!.FullName).FullName;
            foreach (var (name, text) in new[]
            {
                ("report.md", report.ToMarkdown()), ("tasks.csv", report.TasksCsv()), ("cells.csv", report.CellsCsv()), ("labels.csv", report.LabelsCsv()), ("report.html", HtmlReport.Write(report)),
            })
                File.WriteAllText(Path.Combine(folder, name), text);
            Console.Write(report.ToMarkdown());
            AnsiConsole.WriteLine($"{Path.Combine(folder, "report.html")}, and report.md, tasks.csv, cells.csv, labels.csv beside it");
            return report.Done == report.Runner.Cells.Count ? ExitCode.Done : ExitCode.TryAgain;
        }, replicates);
    }
}

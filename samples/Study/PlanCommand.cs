using System.CommandLine;
using System.Globalization;
using MedPeft.Lora.Studies;
using Spectre.Console;

namespace MedPeft.Samples.Studies;

/// <summary><c>study plan</c>: the cells with what they train, how long they take on a machine, and what is missing on disk.</summary>
internal static class PlanCommand
{
    public static Command Make(Common common)
    {
        var machine = new Option<string>("--machine") { Description = "The machine that times are estimated for.", DefaultValueFactory = _ => "h200" };
        machine.AcceptOnlyFromAmong([.. StudyMachine.Known.Keys]);
        var flops = new Option<double?>("--tflops") { Description = "Or its useful speed while training, in 10^12 floating-point operations a second.", HelpName = "n" };
        return common.Command("plan", "What the study would do, what it would take, and what is missing on disk.", given =>
        {
            var on = given.GetValue(flops) is { } speed ? StudyMachine.Of(speed) : StudyMachine.Known[given.GetValue(machine)!];
            return Print(StudyPlan.Of(common.Study(given), on));
        }, machine, flops);
    }

    private static int Print(StudyPlan plan)
    {
        var table = new Table().Border(TableBorder.Simple);
        foreach (var name in new[] { "cell", "id", "task", "method", "seed" }) table.AddColumn(name, column => column.NoWrap());
        foreach (var name in new[] { "images", "trained", "of all", "steps", "time", "memory" }) table.AddColumn(name, column => column.RightAligned().NoWrap());
        foreach (var e in plan.Cells)
        {
            table.AddRow(
                Text($"{e.Cell.Index}"), e.Cell.Id, Markup.Escape(e.Cell.Task), Markup.Escape(e.Cell.Method.Name), Text($"{e.Cell.Seed}"), Text($"{e.TrainImages:N0}"), Text($"{e.TrainedParameters:N0}"),
                Text($"{100.0 * e.TrainedParameters / e.TotalParameters:F2} %"), Text($"{e.Steps:N0}"), Duration(e.Time), Text($"{e.MemoryBytes / 1e9:F1} GB"));
        }

        AnsiConsole.MarkupLineInterpolated($"[bold]{plan.Study.Name}[/]: {plan.Cells.Count} cells");
        AnsiConsole.Write(table);
        AnsiConsole.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"All of it, one cell after another: [bold]{Duration(plan.Time)}[/] on {plan.Machine.Name}; most memory {plan.Cells.Max(e => e.MemoryBytes) / 1e9:F1} GB.");
        AnsiConsole.WriteLine(plan.Assumptions);
        if (plan.Missing.Count == 0)
        {
            AnsiConsole.MarkupLine("[green]Everything is on disk.[/]");
            return ExitCode.Done;
        }

        AnsiConsole.MarkupLine("[yellow]Not on disk yet, or not as the study wants it:[/]");
        foreach (var missing in plan.Missing) AnsiConsole.WriteLine($"  {missing}");
        return ExitCode.Done;
    }

    public static string Duration(TimeSpan? time) => time is not { } t ? "?"
        : t.TotalHours >= 1 ? Text($"{t.TotalHours:F1} h") : t.TotalMinutes >= 1 ? Text($"{t.TotalMinutes:F1} min") : Text($"{t.TotalSeconds:F0} s");

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

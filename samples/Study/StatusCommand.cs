using System.CommandLine;
using System.Globalization;
using MedPeft.Lora.Studies;
using Spectre.Console;

namespace MedPeft.Samples.Studies;

/// <summary><c>study status</c>: how far each cell is.</summary>
internal static class StatusCommand
{
    public static Command Make(Common common) => common.Command("status", "How far each cell is.", given =>
    {
        var runner = common.Runner(given);
        var table = new Table().Border(TableBorder.Simple).AddColumn("cell").AddColumn("task").AddColumn("method").AddColumn("seed").AddColumn("state");
        table.AddColumn("AUROC", column => column.RightAligned()).AddColumn("time", column => column.RightAligned()).AddColumn("starts", column => column.RightAligned());
        var states = runner.Cells.Select(cell => (Cell: cell, State: runner.State(cell))).ToList();
        foreach (var (cell, state) in states)
        {
            var (result, timing) = (runner.Result(cell), runner.Timing(cell));
            table.AddRow(
                Text($"{cell.Index}"), Markup.Escape(cell.Task), Markup.Escape(cell.Method.Name), Text($"{cell.Seed}"), Words(state, runner.Failure(cell)),
                result is null ? "" : Text($"{result.Auroc:F4}"), timing is null || result is null ? "" : PlanCommand.Duration(TimeSpan.FromSeconds(timing.TrainingSeconds)), timing is null ? "" : Text($"{timing.Starts}"));
        }

        AnsiConsole.Write(table);
        AnsiConsole.WriteLine(string.Join(", ", states.GroupBy(entry => entry.State).OrderByDescending(group => group.Key).Select(group => Text($"{group.Count()} {group.Key.ToString().ToLowerInvariant()}"))));
        return ExitCode.Done;
    });

    private static string Words(CellState state, CellFailure? failure) => state switch
    {
        CellState.Done => "[green]done[/]",
        CellState.Running => "[blue]running[/]",
        CellState.Failed => Text($"[red]failed: {failure!.Error}, exit code {failure.Code}[/]"),
        CellState.Interrupted => "[yellow]interrupted[/]",
        _ => "waiting",
    };

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

using System.CommandLine;
using System.Globalization;
using MedPeft.Lora.Studies;
using MedPeft.Lora.Training;
using Spectre.Console;

namespace MedPeft.Samples.Studies;

/// <summary><c>study run</c>: all cells that nobody else works on, or one of them.</summary>
internal static class RunCommand
{
    public static Command Make(Common common)
    {
        var index = new Option<int?>("--index", "-i") { Description = "Only this cell of the plan: the task number of a job array.", HelpName = "n" };
        var every = new Option<int>("--checkpoint-steps") { Description = "Steps from one checkpoint to the next; 0 for every ten minutes and after each epoch.", HelpName = "n" };
        var threads = new Option<int>("--loader-threads") { Description = "Threads that decode images; 0 for all cores.", HelpName = "n" };
        return common.Command("run", "Run the study from where it was left. Cells that another process works on are left to it.", given =>
        {
            var runner = common.Runner(given, new StudyRunOptions { CheckpointSteps = given.GetValue(every), LoaderThreads = given.GetValue(threads) });
            using var stop = new StopSignals();
            if (given.GetValue(index) is not { } one) return All(runner, stop);
            if (one >= 0 && one < runner.Cells.Count) return Cell(runner, runner.Cells[one], stop);
            throw new StudyException(Text($"--index is {one}; the study has the cells 0 to {runner.Cells.Count - 1}."));
        }, index, every, threads);
    }

    private static int All(StudyRunner runner, StopSignals stop)
    {
        var worst = ExitCode.Done;
        foreach (var cell in runner.Cells)
        {
            var code = Cell(runner, cell, stop);
            if (stop.ExitCode != 0) return stop.ExitCode;
            // What a repetition would meet again weighs more than what may pass.
            if (code != ExitCode.Done && (worst is ExitCode.Done or ExitCode.TryAgain)) worst = code;
        }

        return worst;
    }

    private static int Cell(StudyRunner runner, StudyCell cell, StopSignals stop)
    {
        try
        {
            var shown = new Shown(cell);
            switch (runner.Run(cell, shown, stop.Token))
            {
                case CellOutcome.WasDone:
                    return ExitCode.Done;
                case CellOutcome.Locked:
                    AnsiConsole.MarkupLineInterpolated($"{cell}: [yellow]another process works on it[/]");
                    return ExitCode.TryAgain;
                case CellOutcome.Stopped:
                    AnsiConsole.MarkupLineInterpolated($"{cell}: [yellow]stopped and saved; run the same command to go on[/]");
                    return stop.ExitCode == 0 ? ExitCode.TryAgain : stop.ExitCode;
            }

            var (result, timing) = (runner.Result(cell)!, runner.Timing(cell)!);
            AnsiConsole.MarkupLineInterpolated(CultureInfo.InvariantCulture,
                $"{cell}: macro AUROC [bold]{result.Auroc:F4}[/], best epoch {result.BestEpoch} of {result.Epochs.Count}, {timing.TrainingSeconds:F0} s, {timing.ImagesPerSecond:F0} images/s");
            return ExitCode.Done;
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            var code = StudyRunner.ExitCode(error);
            Console.Error.WriteLine($"{cell}: {error.Message} (exit code {code})");
            return code;
        }
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    /// <summary>A line that is written over and over; where output goes to a file, one line for a tenth of the way.</summary>
    private sealed class Shown(StudyCell cell) : IProgress<TrainingProgress>
    {
        private readonly bool _terminal = !Console.IsOutputRedirected && AnsiConsole.Profile.Capabilities.Interactive;
        private readonly System.Diagnostics.Stopwatch _since = System.Diagnostics.Stopwatch.StartNew();
        private int _tenth = -1;

        public void Report(TrainingProgress value)
        {
            var words = Text($"{cell}: epoch {value.Epoch}/{value.Epochs}, {100 * value.Fraction:F0} %, {value.ImagesPerSecond:F0} images/s");
            if (_terminal)
            {
                if (_since.ElapsedMilliseconds < 200 && value.Fraction < 1) return;
                _since.Restart();
                Console.Write($"\r{words}\u001b[K{(value.Fraction >= 1 ? "\r\u001b[K" : "")}");
                return;
            }

            var tenth = (int)(10 * value.Fraction);
            if (tenth <= _tenth) return;
            _tenth = tenth;
            Console.WriteLine(words);
        }
    }
}

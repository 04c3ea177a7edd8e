using System.CommandLine;
using System.Globalization;
using Spectre.Console;

namespace MedPeft.Samples.Studies;

/// <summary><c>study slurm</c>: the job array of the cells, the report job that waits for it, and the script that submits both.</summary>
internal static class SlurmCommand
{
    public static Command Make(Common common)
    {
        var folder = new Option<DirectoryInfo>("--scripts") { Description = "Where the scripts go.", DefaultValueFactory = _ => new DirectoryInfo("slurm"), HelpName = "folder" };
        var program = new Option<string>("--program") { Description = "How this program is called on the nodes.", DefaultValueFactory = _ => Called(), HelpName = "command" };
        var time = new Option<string>("--time") { Description = "Time limit of a job; a cell that needs longer saves, and goes on in the next.", DefaultValueFactory = _ => "04:00:00", HelpName = "hh:mm:ss" };
        var parallel = new Option<int>("--parallel") { Description = "Cells at once.", DefaultValueFactory = _ => 4, HelpName = "n" };
        var cpus = new Option<int>("--cpus") { Description = "Cores a cell.", DefaultValueFactory = _ => 8, HelpName = "n" };
        var memory = new Option<string?>("--mem") { Description = "Memory of a cell, as Slurm writes it.", HelpName = "size" };
        var extra = new Option<string[]>("--sbatch") { Description = "More options for every job, such as --sbatch partition=gpu --sbatch gres=gpu:1.", HelpName = "name=value" };
        return common.Command("slurm", "Write the scripts for a Slurm cluster; see docs/clusters.md.", given =>
        {
            var runner = common.Runner(given);
            var where = Directory.CreateDirectory(given.GetValue(folder)!.FullName).FullName;
            var logs = Directory.CreateDirectory(Path.Combine(where, "logs")).FullName;
            var call = $"{given.GetValue(program)} {{0}} --out {Quote(given.GetValue(common.Output)!.FullName)}"
                + (given.GetValue(common.File) is { } file ? $" --study {Quote(Path.GetFullPath(file))}" : File.Exists("study.json") ? $" --study {Quote(Path.GetFullPath("study.json"))}" : "");
            var device = given.GetValue(common.Device) is { } on ? $" --device {Quote(on)}" : "";
            string[] options = [.. given.GetValue(extra) ?? [], .. given.GetValue(memory) is { } size ? [$"mem={size}"] : Array.Empty<string>()];
            var lines = string.Concat(options.Select(option => $"#SBATCH --{option}\n"));
            Write(Path.Combine(where, "cells.sbatch"), Text($"""
                #!/bin/bash
                #SBATCH --job-name=study
                #SBATCH --array=0-{runner.Cells.Count - 1}%{given.GetValue(parallel)}
                #SBATCH --time={given.GetValue(time)}
                #SBATCH --cpus-per-task={given.GetValue(cpus)}
                #SBATCH --output={logs}/%A_%a.log
                #SBATCH --open-mode=append
                #SBATCH --requeue
                #SBATCH --signal=B:USR1@120
                {lines}
                # Slurm tells this script two minutes before the limit (USR1), or when it takes the node back (TERM). The program saves and ends with 75.
                cd {Quote(Directory.GetCurrentDirectory())} || exit 78
                {string.Format(CultureInfo.InvariantCulture, call, "run")}{device} --index "$SLURM_ARRAY_TASK_ID" &
                child=$!
                trap 'kill -USR1 $child 2> /dev/null' USR1
                trap 'kill -TERM $child 2> /dev/null' TERM
                wait $child
                code=$?
                while kill -0 $child 2> /dev/null; do
                  wait $child
                  code=$?
                done

                # 75: it goes on where it was. Above 128: something killed it, which five restarts may cure. Anything else would come again.
                again() {'{'} scontrol requeue "$SLURM_ARRAY_JOB_ID"_"$SLURM_ARRAY_TASK_ID"; exit "$code"; {'}'}
                [ "$code" -eq 75 ] && again
                [ "$code" -gt 128 ] && [ "${'{'}SLURM_RESTART_COUNT:-0{'}'}" -lt 5 ] && again
                exit "$code"

                """));
            Write(Path.Combine(where, "report.sbatch"), Text($"""
                #!/bin/bash
                #SBATCH --job-name=study-report
                #SBATCH --time=01:00:00
                #SBATCH --output={logs}/report.log
                {lines}
                cd {Quote(Directory.GetCurrentDirectory())} || exit 78
                {string.Format(CultureInfo.InvariantCulture, call, "report")}

                """));
            Write(Path.Combine(where, "submit.sh"), Text($"""
                #!/bin/bash
                # The cells, and the report after the last of them has ended, however it ended: it says what is missing.
                set -eu
                cells=$(sbatch --parsable {Quote(Path.Combine(where, "cells.sbatch"))})
                report=$(sbatch --parsable --dependency=afterany:"${'{'}cells%%;*{'}'}" {Quote(Path.Combine(where, "report.sbatch"))})
                echo "cells: job $cells, report: job $report"

                """));
            AnsiConsole.WriteLine(Text($"{runner.Cells.Count} cells. Submit them: bash {Path.Combine(where, "submit.sh")}"));
            return ExitCode.Done;
        }, folder, program, time, parallel, cpus, memory, extra);
    }

    // The program itself, or dotnet with its assembly.
    private static string Called()
    {
        var process = Environment.ProcessPath ?? "study";
        return Path.GetFileNameWithoutExtension(process) == "dotnet" ? $"{Quote(process)} {Quote(typeof(SlurmCommand).Assembly.Location)}" : Quote(process);
    }

    private static string Quote(string text) => text.All(c => char.IsAsciiLetterOrDigit(c) || c is '/' or '.' or '-' or '_' or ':') ? text : $"'{text.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    private static void Write(string path, string text)
    {
        File.WriteAllText(path, text.ReplaceLineEndings("\n"));
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

using System.CommandLine;
using MedPeft.Lora.Native;
using MedPeft.Lora.Studies;
using MedPeft.Samples.Studies;
using Spectre.Console;

// Where output goes to a file there is no width to keep to, and a table must not be cut.
if (Console.IsOutputRedirected) AnsiConsole.Profile.Width = 200;
var root = new RootCommand(
    """
    Compare ways to adapt foundation models as one study: every backbone on every share of every data set by every method, once for each seed.

    A study is a JSON file; without one, it is that of "Less Could Be Better": 18 tasks, LoRA against full fine-tuning.
      study init > study.json      the paper's study, to be changed
      study plan                   what it would do, take, and lack
      study run                    all of it, from where it was left; start it on several machines, and they share the work
      study report                 report.html, and the tables as CSV and Markdown

    Exit codes: 0 done, 2 wrong command line, 65 bad data, 70 the numbers broke down, 75 run the same command again, 78 bad configuration, 130 stopped by Ctrl+C.
    """);
foreach (var command in (Func<Common, Command>[])[PlanCommand.Make, RunCommand.Make, StatusCommand.Make, SlurmCommand.Make, ReportCommand.Make, InitCommand.Make, PhantomsCommand.Make])
    root.Add(command(new Common(Guarded)));
var parsed = root.Parse(args);
if (parsed.Errors.Count == 0) return parsed.Invoke();
foreach (var error in parsed.Errors) Console.Error.WriteLine(error.Message);
Console.Error.WriteLine("See --help.");
return ExitCode.WrongCommandLine;

// Every failure that a user can mend ends in one line that says how, and an exit code that a scheduler understands.
static int Guarded(Func<int> body)
{
    try
    {
        TorchRuntime.EnsureLoaded(); // so that MEDPEFT_LIBTORCH may name an existing libtorch
        return body();
    }
    catch (TorchRuntimeException error)
    {
        Console.Error.WriteLine(error.Message);
        return ExitCode.BadConfiguration;
    }
    catch (OperationCanceledException)
    {
        return ExitCode.Stopped;
    }
#pragma warning disable CA1031 // the last resort of a program
    catch (Exception error)
#pragma warning restore CA1031
    {
        var code = StudyRunner.ExitCode(error);
        // What no one expected is told with its place, so that it can be reported.
        Console.Error.WriteLine(code != ExitCode.TryAgain || error is IOException ? error.Message : error.ToString());
        return code;
    }
}

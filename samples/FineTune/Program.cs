using System.CommandLine;
using MedPeft.Lora;
using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Data;
using MedPeft.Lora.Imaging;
using MedPeft.Lora.Native;
using MedPeft.Lora.Training;
using MedPeft.Samples.FineTune;
using Spectre.Console;

var options = new Options();
var parsed = options.Command(result => Execute(options, result)).Parse(args);
if (parsed.Errors.Count == 0) return parsed.Invoke();
foreach (var error in parsed.Errors) Console.Error.WriteLine(error.Message);
Console.Error.WriteLine("See --help.");
return ExitCode.WrongCommandLine;

// Every failure that a user can mend ends in one line that says how, and an exit code that a script can tell from the others.
static int Execute(Options options, ParseResult result)
{
    using var stop = new StopSignals(); // the first signal lets the step at hand finish and saves; a second Ctrl+C ends the process
    try
    {
        TorchRuntime.EnsureLoaded(); // so that MEDPEFT_LIBTORCH may name an existing libtorch
        return new Run(options, result).Execute(stop.Token) ? ExitCode.Done : stop.ExitCode;
    }
    catch (OperationCanceledException)
    {
        AnsiConsole.MarkupLine("[yellow]Stopped before there was an adapter to save.[/]");
        return stop.ExitCode;
    }
    catch (Exception error) when (error is DatasetException or ImageException or CheckpointException or FileNotFoundException or DirectoryNotFoundException)
    {
        return Fail(error, ExitCode.BadData);
    }
    catch (Exception error) when (error is LoraException or ArgumentException or TorchRuntimeException)
    {
        return Fail(error, ExitCode.BadConfiguration);
    }
    catch (TrainingException error)
    {
        return Fail(error, ExitCode.BrokeDown);
    }
}

static int Fail(Exception error, int code)
{
    Console.Error.WriteLine(error.Message);
    return code;
}

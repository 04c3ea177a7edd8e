using System.CommandLine;
using MedPeft.Lora;
using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Data;
using MedPeft.Lora.Imaging;
using MedPeft.Lora.Native;
using MedPeft.Samples.Predict;

var root = new RootCommand(
    """
    Predict findings on chest radiographs by a foundation model and an adapter, and evaluate such predictions.

    Examples
      predict evaluate --base MRM.pth --adapter nih-1pct --data NIH_ChestX-ray --list val_list.txt --calibrate
      predict evaluate --base MRM.pth --adapter nih-1pct --data NIH_ChestX-ray --list test_list.txt
      predict images --base MRM.pth --adapter nih-1pct radiographs --csv predictions.csv --maps maps

    Exit codes: 0 done, 2 wrong command line, 65 bad data, adapter or checkpoint, 78 options that do not fit each other, 130 stopped by Ctrl+C.
    """)
{
    ImagesCommand.Make(Execute), EvaluateCommand.Make(Execute),
};
var parsed = root.Parse(args);
if (parsed.Errors.Count == 0) return parsed.Invoke();
foreach (var error in parsed.Errors) Console.Error.WriteLine(error.Message);
Console.Error.WriteLine("See --help.");
return ExitCode.WrongCommandLine;

// Every failure that a user can mend ends in one line that says how, and an exit code that a script can tell from the others.
static int Execute(Action<CancellationToken> run)
{
    using var stop = new CancellationTokenSource();
    Console.CancelKeyPress += (_, pressed) =>
    {
        pressed.Cancel = !stop.IsCancellationRequested;
        stop.Cancel();
    };
    try
    {
        TorchRuntime.EnsureLoaded(); // so that MEDPEFT_LIBTORCH may name an existing libtorch
        run(stop.Token);
        return ExitCode.Done;
    }
    catch (OperationCanceledException)
    {
        Console.Error.WriteLine("Stopped by Ctrl+C; files that were not finished are as they were before.");
        return ExitCode.Stopped;
    }
    catch (Exception error) when (error is DatasetException or ImageException or CheckpointException or IOException or UnauthorizedAccessException)
    {
        Console.Error.WriteLine(error.Message);
        return ExitCode.BadData;
    }
    catch (Exception error) when (error is LoraException or ArgumentException or TorchRuntimeException)
    {
        Console.Error.WriteLine(error.Message);
        return ExitCode.BadConfiguration;
    }
}

using System.CommandLine;
using System.Globalization;
using MedPeft.Lora.Data;
using MedPeft.Lora.Imaging;
using MedPeft.Samples.InspectData;
using MedPeft.Samples.Phantoms;
using Spectre.Console;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
var options = new Options();
using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, pressed) =>
{
    // The first Ctrl+C ends at the next image; a second one ends the process.
    pressed.Cancel = !stop.IsCancellationRequested;
    stop.Cancel();
};
var parsed = options.Command(result => Guarded(() => new Inspection(options, result).Run(stop.Token)), result => Guarded(() => Draw(result))).Parse(args);
if (parsed.Errors.Count == 0) return parsed.Invoke();
foreach (var error in parsed.Errors) Console.Error.WriteLine(error.Message);
Console.Error.WriteLine("See --help.");
return ExitCode.WrongCommandLine;

int Draw(ParseResult result)
{
    var (layout, folder) = (result.GetValue(options.Layout), result.GetValue(options.Target)!.FullName);
    var who = new CohortOptions
    {
        Images = result.GetValue(options.Images), Size = result.GetValue(options.Size), Seed = (ulong)result.GetValue(options.Seed), PrevalenceScale = 2, MinimumPrevalence = .08,
    };
    var lists = PhantomData.Write(layout, folder, who, cancellation: stop.Token);
    foreach (var (name, visits) in lists) AnsiConsole.MarkupLineInterpolated($"{name}: {visits.Count} images of {visits.Select(v => v.Patient).Distinct().Count()} made-up patients");
    return ExitCode.Clean;
}

// Every failure that a user can mend ends in one line that says how.
static int Guarded(Func<int> run)
{
    try
    {
        return run();
    }
    catch (OperationCanceledException)
    {
        Console.Error.WriteLine("Stopped by Ctrl+C.");
        return ExitCode.Stopped;
    }
    catch (Exception error) when (error is DatasetException or ImageException or IOException or UnauthorizedAccessException)
    {
        Console.Error.WriteLine(error.Message);
        return ExitCode.BadData;
    }
    catch (ArgumentException error)
    {
        Console.Error.WriteLine(error.Message);
        return ExitCode.WrongCommandLine;
    }
}

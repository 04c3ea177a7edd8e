using System.CommandLine;
using MedPeft.Lora.Native;
using MedPeft.Samples.QuickStart;
using Spectre.Console;

var output = new Option<DirectoryInfo>("--out") { Description = "Where phantoms, models and pictures go.", DefaultValueFactory = _ => new DirectoryInfo("quickstart-output"), HelpName = "folder" };
var seed = new Option<int>("--seed") { Description = "Another seed draws other patients and other weights.", DefaultValueFactory = _ => 0, HelpName = "n" };
var quick = new Option<bool>("--quick") { Description = "Smaller sets and fewer epochs: a minute that shows the way, not the result." };
var command = new RootCommand(
    "Draws chest-radiograph phantoms, pre-trains a small vision transformer on unlabelled ones, and adapts it with few labels: LoRA against full fine-tuning against a linear probe.")
{
    output, seed, quick,
};
command.SetAction(given =>
{
    // Where output goes to a file there is no width to keep to, and the table must not be cut.
    if (Console.IsOutputRedirected) AnsiConsole.Profile.Width = 150;
    using var stop = new CancellationTokenSource();
    Console.CancelKeyPress += (_, pressed) =>
    {
        pressed.Cancel = !stop.IsCancellationRequested;
        stop.Cancel();
    };
    try
    {
        TorchRuntime.EnsureLoaded(); // so that MEDPEFT_LIBTORCH may name an existing libtorch
        var plan = (given.GetValue(quick) ? Plan.Quick : Plan.Full) with { Seed = given.GetValue(seed) };
        new Demonstration(plan, given.GetValue(output)!.FullName).Run(stop.Token);
        return 0;
    }
    catch (OperationCanceledException)
    {
        AnsiConsole.MarkupLine("[yellow]Stopped by Ctrl+C.[/]");
        return 130;
    }
    catch (TorchRuntimeException error)
    {
        Console.Error.WriteLine(error.Message);
        return 78;
    }
    catch (Exception error) when (error is IOException or UnauthorizedAccessException)
    {
        Console.Error.WriteLine($"{error.Message} Name another folder by --out.");
        return 73;
    }
});
return command.Parse(args).Invoke();

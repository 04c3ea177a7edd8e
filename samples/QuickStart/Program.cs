using System.CommandLine;
using MedPeft.Lora.Native;
using MedPeft.Samples.QuickStart;
using Spectre.Console;

var output = new Option<DirectoryInfo>("--out") { Description = "Where phantoms, models and pictures go.", DefaultValueFactory = _ => new DirectoryInfo("quickstart-output"), HelpName = "folder" };
var seed = new Option<ulong>("--seed") { Description = "Another seed draws other patients and other weights.", DefaultValueFactory = _ => 0, HelpName = "n" };
var quick = new Option<bool>("--quick") { Description = "Smaller sets and fewer epochs: a minute that shows the way, not the result." };
var methods = new Option<string[]>("--methods") { Description = "A table of methods over several seeds instead, in methods.md, on a reduced task: all, or names such as lora dora vera.", AllowMultipleArgumentsPerToken = true, HelpName = "names" };
var seeds = new Option<int>("--seeds") { Description = "Seeds of each method in the table.", DefaultValueFactory = _ => 5, HelpName = "n" };
var command = new RootCommand(
    "Draws chest-radiograph phantoms, pre-trains a small vision transformer on unlabelled ones, and adapts it with few labels: LoRA against full fine-tuning against a linear probe.")
{
    output, seed, quick, methods, seeds,
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
        if (given.GetValue(methods) is { Length: > 0 } names)
        {
            new MethodStudy(Plan.Study with { Seed = given.GetValue(seed) }, given.GetValue(output)!.FullName).Run(Method.Named(names), Math.Max(1, given.GetValue(seeds)), stop.Token);
            return 0;
        }

        var plan = (given.GetValue(quick) ? Plan.Quick : Plan.Full) with { Seed = given.GetValue(seed) };
        new Demonstration(plan, given.GetValue(output)!.FullName).Run(stop.Token);
        return 0;
    }
    catch (OperationCanceledException)
    {
        AnsiConsole.MarkupLine("[yellow]Stopped by Ctrl+C.[/]");
        return 130;
    }
    catch (Exception error) when (error is TorchRuntimeException or ArgumentException)
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

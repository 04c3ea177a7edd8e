using System.CommandLine;

namespace MedPeft.Samples.Studies;

/// <summary><c>study init</c>: the paper's study as a file to change.</summary>
internal static class InitCommand
{
    public static Command Make(Common common)
    {
        var command = new Command("init", "Print the paper's study as JSON, a start for one of your own: study init > study.json");
        command.SetAction(_ =>
        {
            using var output = Console.OpenStandardOutput();
            output.Write(Lora.Studies.Study.PaperJson.Span);
            return ExitCode.Done;
        });
        return command;
    }
}

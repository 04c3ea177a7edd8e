using System.CommandLine;
using MedPeft.Lora.Studies;

namespace MedPeft.Samples.Studies;

/// <summary>The options that all commands share.</summary>
internal sealed class Common(Func<Func<int>, int> guarded)
{
    public Option<string?> File { get; } = new("--study", "-s")
    {
        Description = "The study's JSON file. Left out: study.json in this folder, or if there is none the paper's study, whose data and checkpoints lie in this folder.",
        HelpName = "file",
    };

    public Option<DirectoryInfo> Output { get; } = new("--out", "-o") { Description = "The folder of its results.", DefaultValueFactory = _ => new DirectoryInfo("study-output"), HelpName = "folder" };

    public Option<string?> Device { get; } = new("--device") { Description = "Where models compute: cpu, cuda or cuda:N. Left out: what the study says.", HelpName = "device" };

    /// <summary>A command with these options and its own.</summary>
    public Command Command(string name, string description, Func<ParseResult, int> body, params Option[] own)
    {
        var command = new Command(name, description) { File, Output, Device };
        foreach (var option in own) command.Add(option);
        command.SetAction(given => guarded(() => body(given)));
        return command;
    }

    /// <summary>Runs a body; what goes wrong becomes a message and an exit code.</summary>
    public int Guard(Func<int> body) => guarded(body);

    public Study Study(ParseResult given)
    {
        var file = given.GetValue(File) ?? (System.IO.File.Exists("study.json") ? "study.json" : null);
        var study = file is null ? Lora.Studies.Study.Paper() : Lora.Studies.Study.Load(file);
        return given.GetValue(Device) is { } device ? study with { Device = device } : study;
    }

    public StudyRunner Runner(ParseResult given, StudyRunOptions? options = null) => new(Study(given), given.GetValue(Output)!.FullName, options);
}

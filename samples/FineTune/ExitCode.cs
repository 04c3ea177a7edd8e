namespace MedPeft.Samples.FineTune;

/// <summary>What the program's end tells a script; the numbers of sysexits.h where it has one. Those of a run that was stopped are <see cref="Lora.Training.StopSignals"/>'s: 130 and 75.</summary>
internal static class ExitCode
{
    public const int Done = 0;
    public const int WrongCommandLine = 2;
    public const int BadData = 65;
    public const int BrokeDown = 70;
    public const int BadConfiguration = 78;
}

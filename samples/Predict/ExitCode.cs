namespace MedPeft.Samples.Predict;

/// <summary>What the program's end tells a script; the numbers of sysexits.h where it has one.</summary>
internal static class ExitCode
{
    public const int Done = 0;
    public const int WrongCommandLine = 2;
    public const int BadData = 65;
    public const int BadConfiguration = 78;
    public const int Stopped = 130;
}

namespace MedPeft.Samples.Studies;

/// <summary>What the program's end tells a scheduler; the numbers of sysexits.h where it has one.</summary>
internal static class ExitCode
{
    public const int Done = 0;
    public const int WrongCommandLine = 2;
    public const int TryAgain = 75;
    public const int BadConfiguration = 78;
    public const int Stopped = 130;
}

namespace MedPeft.Samples.InspectData;

/// <summary>What the program's end tells a script.</summary>
internal static class ExitCode
{
    public const int Clean = 0;
    public const int Found = 1;
    public const int WrongCommandLine = 2;
    public const int BadData = 65;
    public const int Stopped = 130;
}

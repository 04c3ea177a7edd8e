using System.Runtime.InteropServices;

namespace MedPeft.Lora.Checkpoints;

/// <summary>Says why the system refused, without the path that .NET puts into its messages.</summary>
internal static class IoFault
{
    private const int Generic = unchecked((int)0x80131620);

    /// <summary>True for what opening, reading or writing a file may throw.</summary>
    public static bool Is(Exception error) => error is IOException or UnauthorizedAccessException or NotSupportedException;

    /// <summary>The reason in the system's words.</summary>
    public static string Reason(Exception error) => error switch
    {
        UnauthorizedAccessException => "access is denied",
        FileNotFoundException or DirectoryNotFoundException => "there is no such file or folder",
        IOException when error.HResult != Generic => Marshal.GetPInvokeErrorMessage(OperatingSystem.IsWindows() ? error.HResult & 0xFFFF : error.HResult),
        _ => "input or output failed",
    };
}

using System.Diagnostics;
using System.Runtime.InteropServices;

namespace MedPeft.Lora.Native;

/// <summary>The system libraries of the machine, as far as TorchSharp depends on them.</summary>
internal static partial class NativeHost
{
    private static readonly Version NeededGlibc = new(2, 34);

    /// <summary>Why TorchSharp cannot load on this Linux, or null.</summary>
    public static string? Obstacle() => OperatingSystem.IsLinux() ? Obstacle(RuntimeInformation.RuntimeIdentifier, Glibc()) : null;

    public static string? Obstacle(string runtimeIdentifier, Version? glibc) =>
        runtimeIdentifier.Contains("musl", StringComparison.Ordinal) || runtimeIdentifier.StartsWith("alpine", StringComparison.Ordinal)
            ? $"TorchSharp is built for glibc; this system ({runtimeIdentifier}) has musl. Run on Debian 12, Ubuntu 22.04, RHEL 9 or newer."
            : glibc is not null && glibc < NeededGlibc
                ? $"TorchSharp needs glibc {NeededGlibc} or newer; this system has {glibc}. Run on Debian 12, Ubuntu 22.04, RHEL 9 or newer."
                : null;

    /// <summary>The C++ library of this process has what TorchSharp was linked against (GCC 13); other systems than Linux always have.</summary>
    public static bool LibstdcxxIsNewEnough()
    {
        if (!OperatingSystem.IsLinux()) return true;
        if (!NativeLibrary.TryLoad("libstdc++.so.6", out var library)) return false;
        try
        {
            return NativeLibrary.TryGetExport(library, "_ZSt21ios_base_library_initv", out _);
        }
        finally
        {
            NativeLibrary.Free(library);
        }
    }

    /// <summary>The file from which this process loaded a library; null if it did not, or where the system does not tell.</summary>
    public static string? Loaded(string library)
    {
        var name = NativeNames.File(library);
        using var process = Process.GetCurrentProcess();
        foreach (ProcessModule module in process.Modules)
            if (string.Equals(Path.GetFileName(module.FileName), name, OperatingSystem.IsWindows() ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal))
                return module.FileName;
        return null;
    }

    private static Version? Glibc()
    {
        try
        {
            return Version.TryParse(Marshal.PtrToStringUTF8(GetGlibcVersion()), out var version) ? version : null;
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            return null;
        }
    }

    [LibraryImport("libc.so.6", EntryPoint = "gnu_get_libc_version")]
    private static partial IntPtr GetGlibcVersion();
}

using System.ComponentModel;
using System.Diagnostics;

namespace MedPeft.Lora.Tests;

/// <summary>A disk in memory that is soon full.</summary>
internal sealed class SmallDisk : IDisposable
{
    private static readonly Lazy<bool> Allowed = new(() =>
    {
        using var disk = TryMount(1 << 16);
        return disk is not null;
    });

    private SmallDisk(string path) => Path = path;

    /// <summary>True where this process may mount one: root, and not in a container without that right.</summary>
    public static bool IsAllowed => Allowed.Value;

    /// <summary>Where it is.</summary>
    public string Path { get; }

    public static SmallDisk Mount(int bytes) => TryMount(bytes) ?? throw new InvalidOperationException("No small disk can be mounted here; tests that need one are marked [SmallDiskFact].");

    public void Dispose()
    {
        Run("umount", Path);
        Directory.Delete(Path);
    }

    private static SmallDisk? TryMount(int bytes)
    {
        if (!OperatingSystem.IsLinux() || Environment.UserName != "root") return null;
        var path = Directory.CreateTempSubdirectory("medpeft-disk-").FullName;
        if (Run("mount", "-t", "tmpfs", "-o", $"size={bytes}", "tmpfs", path)) return new SmallDisk(path);
        Directory.Delete(path);
        return null;
    }

    private static bool Run(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (Win32Exception)
        {
            return false;
        }
    }
}

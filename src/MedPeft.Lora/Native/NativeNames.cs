using System.Runtime.InteropServices;

namespace MedPeft.Lora.Native;

/// <summary>What native libraries are called here.</summary>
internal static class NativeNames
{
    /// <summary>torch_cpu: libtorch_cpu.so, torch_cpu.dll or libtorch_cpu.dylib.</summary>
    public static string File(string library) =>
        OperatingSystem.IsWindows() ? library + ".dll" : OperatingSystem.IsMacOS() ? $"lib{library}.dylib" : $"lib{library}.so";

    /// <summary>The folder below runtimes/ in which packages carry files for this machine.</summary>
    public static string Runtime { get; } =
        (OperatingSystem.IsWindows() ? "win-" : OperatingSystem.IsMacOS() ? "osx-" : "linux-") + RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant();
}

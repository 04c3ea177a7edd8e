namespace MedPeft.Lora.Tests.Native;

/// <summary>TorchSharp's native library for Linux as the package has it: the file in the output folder may be relaxed already.</summary>
internal static class TorchSharpPackage
{
    public static string Library { get; } = Path.Combine(
        Environment.GetEnvironmentVariable("NUGET_PACKAGES") is { Length: > 0 } named
            ? named
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages"),
        "torchsharp", "0.107.0", "runtimes", "linux-x64", "native", "libLibTorchSharp.so");
}

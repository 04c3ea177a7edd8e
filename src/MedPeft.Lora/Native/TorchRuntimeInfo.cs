namespace MedPeft.Lora.Native;

/// <summary>What <see cref="TorchRuntime.EnsureLoaded"/> loaded, or found loaded.</summary>
public sealed record TorchRuntimeInfo
{
    /// <summary>The file of libtorch in this process (libtorch_cpu.so, torch_cpu.dll); null where the system does not tell.</summary>
    public required string? Libtorch { get; init; }

    /// <summary>The file of TorchSharp's native library in this process; null where the system does not tell.</summary>
    public required string? TorchSharpLibrary { get; init; }

    /// <summary>libtorch's version as its folder states it, such as <c>2.10.0+cu128</c>; null where no file states it.</summary>
    public required string? Version { get; init; }

    /// <summary>Built for the processor only, or for CUDA.</summary>
    public required TorchBackend Backend { get; init; }

    /// <summary>A GPU can be used.</summary>
    public required bool CudaAvailable { get; init; }

    /// <summary>TorchSharp's native library is a copy relaxed for an older libstdc++, made by the build or by this call.</summary>
    public required bool Relaxed { get; init; }

    /// <summary>One line for a log.</summary>
    public override string ToString() =>
        $"libtorch{(Version is null ? "" : " " + Version)} ({(Backend == TorchBackend.Cuda ? CudaAvailable ? "cuda" : "cuda, no GPU to use" : "cpu")}) from {Libtorch ?? "an unknown place"}{(Relaxed ? "; TorchSharp relaxed for an older libstdc++" : "")}";
}

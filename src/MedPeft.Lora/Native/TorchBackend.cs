namespace MedPeft.Lora.Native;

/// <summary>The kind of libtorch that a process runs on.</summary>
public enum TorchBackend
{
    /// <summary>Built for the processor only.</summary>
    Cpu,

    /// <summary>Built for NVIDIA GPUs too. Whether one can be used is another question: see <see cref="TorchRuntimeInfo.CudaAvailable"/>.</summary>
    Cuda,
}

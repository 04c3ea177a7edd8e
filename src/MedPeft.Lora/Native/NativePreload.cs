using System.Runtime.InteropServices;

namespace MedPeft.Lora.Native;

/// <summary>Loads libraries by their path, so that a later load by name finds them in the process.</summary>
internal static class NativePreload
{
    /// <summary>libtorch, CUDA's part first where there is one.</summary>
    public static void Libtorch(LibtorchFolder folder)
    {
        Load(folder.FileOf("c10"), null);
        Load(folder.FileOf("torch_cpu"), null);
        if (folder.HasCuda)
        {
            // Its run path names the folders of pip's nvidia packages; where those lie elsewhere, load them before it.
            var cuda = folder.FileOf("torch_cuda");
            if (!NativeLibrary.TryLoad(cuda, out _))
            {
                NvidiaPackages(folder.Path);
                Load(cuda, $"It needs CUDA's libraries: in a Python installation they are site-packages/nvidia/*/lib (pip install torch=={TorchRuntime.LibtorchVersion}).");
            }
        }

        Load(folder.FileOf("torch"), null);
    }

    /// <summary>Loads one library, or says what the system's loader said.</summary>
    public static void Load(string file, string? advice)
    {
        try
        {
            NativeLibrary.Load(file);
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            throw new TorchRuntimeException($"'{file}' cannot be loaded: {e.Message.Trim()}{(advice is null ? "" : " " + advice)}", e);
        }
    }

    /// <summary>They depend on each other in an order that changes with every release: whatever loads is loaded, until nothing more does.</summary>
    private static void NvidiaPackages(string libtorch)
    {
        var nvidia = Path.GetFullPath(Path.Combine(libtorch, "../../nvidia"));
        if (!Directory.Exists(nvidia)) return;
        var left = Directory.EnumerateFiles(nvidia, OperatingSystem.IsWindows() ? "*.dll" : "*.so*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).ToList();
        while (left.RemoveAll(file => NativeLibrary.TryLoad(file, out _)) > 0)
        {
        }
    }
}

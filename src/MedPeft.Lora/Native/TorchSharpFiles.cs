namespace MedPeft.Lora.Native;

/// <summary>Where a program, a notebook or a script has the native files of its packages.</summary>
internal static class TorchSharpFiles
{
    /// <summary>TorchSharp's native library as the runtime would find it, or null.</summary>
    public static string? FindLibrary() => Folders().Select(folder => Path.Combine(folder, NativeNames.File("LibTorchSharp"))).FirstOrDefault(File.Exists);

    /// <summary>The libtorch that came with the program, or null.</summary>
    public static LibtorchFolder? FindLibtorch() => Folders().Select(LibtorchFolder.TryOpen).FirstOrDefault(folder => folder is not null);

    private static IEnumerable<string> Folders()
    {
        if (AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") is string directories)
            foreach (var directory in directories.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries))
                yield return directory;
        yield return AppContext.BaseDirectory;
        yield return Path.Combine(AppContext.BaseDirectory, "runtimes", NativeNames.Runtime, "native");

        // Notebooks and scripts load assemblies from the NuGet cache: packages/torchsharp/0.107.0/lib/net8.0/TorchSharp.dll.
        if (typeof(TorchSharp.torch).Assembly.Location is not { Length: > 0 } assembly) yield break;
        var package = Path.GetFullPath(Path.Combine(assembly, "../../.."));
        yield return Path.Combine(package, "runtimes", NativeNames.Runtime, "native");
        var packages = Path.GetFullPath(Path.Combine(package, "../.."));
        yield return Path.Combine(packages, "libtorch-cpu-" + NativeNames.Runtime, TorchRuntime.LibtorchVersion, "runtimes", NativeNames.Runtime, "native");
    }
}

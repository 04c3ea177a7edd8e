using System.Text.RegularExpressions;

namespace MedPeft.Lora.Native;

/// <summary>A folder with the libraries of libtorch: of a Python installation of PyTorch, of libtorch itself, or of a NuGet package.</summary>
internal sealed partial class LibtorchFolder
{
    private const string HowToFind = "Name the folder that holds it, or PyTorch's own folder: python -c \"import torch; print(torch.__path__[0])\" prints it.";

    private LibtorchFolder(string path)
    {
        Path = path;
        Version = VersionOf(path);
    }

    public string Path { get; }

    /// <summary>As the folder states it, local part included (2.10.0+cu128); null where nothing states it.</summary>
    public string? Version { get; }

    public bool HasCuda => File.Exists(FileOf("torch_cuda"));

    public string FileOf(string library) => System.IO.Path.Combine(Path, NativeNames.File(library));

    /// <summary>The folder itself, or null when libtorch does not lie in it.</summary>
    public static LibtorchFolder? TryOpen(string path) => File.Exists(System.IO.Path.Combine(path, NativeNames.File("torch_cpu"))) ? new(path) : null;

    /// <summary>Finds libtorch in or below a folder that a user named.</summary>
    /// <param name="root">site-packages/torch, its lib, site-packages, a virtual environment, or an unpacked libtorch.</param>
    /// <param name="namedBy">For the error: who named it.</param>
    public static LibtorchFolder Find(string root, string namedBy)
    {
        root = System.IO.Path.GetFullPath(root);
        if (!Directory.Exists(root)) throw new TorchRuntimeException($"The libtorch folder '{root}' ({namedBy}) does not exist. {HowToFind}");
        foreach (var candidate in Candidates(root))
            if (TryOpen(candidate) is { } found)
                return found;
        throw new TorchRuntimeException(
            $"No {NativeNames.File("torch_cpu")} in '{root}' ({namedBy}), nor below it in lib, torch/lib or site-packages/torch/lib. {HowToFind}");
    }

    /// <summary>Refuses another version than the one TorchSharp was compiled against: it may load, and then compute nonsense or crash.</summary>
    public void Require(string needed, bool allowMismatch)
    {
        if (allowMismatch || Version?.Split('+')[0] == needed) return;
        throw new TorchRuntimeException(
            (Version is null ? $"Nothing in or above '{Path}' states the version of libtorch there" : $"The libtorch in '{Path}' is version {Version}")
            + $"; TorchSharp {TorchRuntime.TorchSharpVersion} needs {needed}. Install that one (pip install torch=={needed}), or try this one with allowVersionMismatch: true.");
    }

    private static IEnumerable<string> Candidates(string root)
    {
        yield return root;
        yield return System.IO.Path.Combine(root, "lib");
        yield return System.IO.Path.Combine(root, "torch", "lib");
        yield return System.IO.Path.Combine(root, "Lib", "site-packages", "torch", "lib");
        var lib = System.IO.Path.Combine(root, "lib");
        if (!Directory.Exists(lib)) yield break;
        foreach (var python in Directory.EnumerateDirectories(lib, "python3*").Order(StringComparer.Ordinal))
            yield return System.IO.Path.Combine(python, "site-packages", "torch", "lib");
    }

    private static string? VersionOf(string folder)
    {
        var parent = System.IO.Path.GetDirectoryName(folder) ?? folder;
        foreach (var file in new[] { System.IO.Path.Combine(parent, "version.py"), System.IO.Path.Combine(parent, "build-version"), System.IO.Path.Combine(folder, "build-version") })
        {
            if (!File.Exists(file)) continue;
            var text = File.ReadAllText(file);
            var match = file.EndsWith(".py", StringComparison.Ordinal) ? VersionLine().Match(text) : VersionText().Match(text);
            if (match.Success) return match.Groups["version"].Value;
        }

        // A NuGet package: libtorch-cpu-linux-x64/2.10.0/runtimes/linux-x64/native.
        var package = PackagePath().Match(folder.Replace('\\', '/'));
        return package.Success ? package.Groups["version"].Value : null;
    }

    [GeneratedRegex("""^__version__\s*=\s*['"](?<version>[^'"]+)['"]""", RegexOptions.Multiline)]
    private static partial Regex VersionLine();

    [GeneratedRegex("""^\s*(?<version>\d+\.\d+\S*)""")]
    private static partial Regex VersionText();

    [GeneratedRegex("""/libtorch-[^/]+/(?<version>\d+(\.\d+)+)/runtimes/[^/]+/native/?$""", RegexOptions.IgnoreCase)]
    private static partial Regex PackagePath();
}

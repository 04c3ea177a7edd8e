using System.Runtime.CompilerServices;
using TorchSharp;

namespace MedPeft.Lora.Native;

/// <summary>Loads libtorch and TorchSharp's native library, for programs whose build did not arrange it: notebooks, scripts, an existing PyTorch.</summary>
/// <remarks>
/// A program built with this package needs no call: its build already carries a library that loads. Call <see cref="EnsureLoaded"/>
/// before anything else touches <c>torch</c>, because TorchSharp loads at its first use and a failure there is final for the process.
/// </remarks>
public static class TorchRuntime
{
    /// <summary>The version of libtorch that TorchSharp was compiled against.</summary>
    internal const string LibtorchVersion = "2.10.0";

    internal const string TorchSharpVersion = "0.107.0";

    private const string Variable = "MEDPEFT_LIBTORCH";

    private static readonly object Gate = new();

    private static LibtorchFolder? _loaded;

    /// <summary>Makes TorchSharp usable in this process, and says with what. Further calls are cheap.</summary>
    /// <param name="libtorch">
    /// A folder with libtorch, instead of the one that came as a package: that of a Python installation (site-packages/torch, its lib,
    /// or the virtual environment) or an unpacked libtorch. Default null: the folder in the environment variable MEDPEFT_LIBTORCH, else
    /// the package's.
    /// </param>
    /// <param name="allowVersionMismatch">Also try a libtorch of another version than 2.10.0, at your own risk. Default false.</param>
    /// <returns>The files in use, libtorch's version and kind.</returns>
    /// <exception cref="TorchRuntimeException">It cannot be loaded; the message says what was found and what would help.</exception>
    public static TorchRuntimeInfo EnsureLoaded(string? libtorch = null, bool allowVersionMismatch = false)
    {
        var namedBy = libtorch is null ? $"named in {Variable}" : $"given as {nameof(libtorch)}";
        libtorch ??= Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } variable ? variable : null;
        lock (Gate)
        {
            var folder = libtorch is null ? null : LibtorchFolder.Find(libtorch, namedBy);
            folder?.Require(LibtorchVersion, allowVersionMismatch);
            if (NativeHost.Loaded("LibTorchSharp") is null) Load(folder);
            else if (folder is not null) RefuseAnother(folder);
            Start();
            return Describe();
        }
    }

    private static void Load(LibtorchFolder? named)
    {
        if (NativeHost.Obstacle() is { } obstacle) throw new TorchRuntimeException(obstacle);
        var own = TorchSharpFiles.FindLibtorch();
        var library = TorchSharpFiles.FindLibrary();

        // TorchSharp has ways of its own (in notebooks it gathers the parts of the CUDA packages in one folder); only an old Linux needs more.
        if (named is null && (!OperatingSystem.IsLinux() || (own is null && NativeHost.LibstdcxxIsNewEnough()))) return;
        if (library is null)
            throw new TorchRuntimeException($"{NativeNames.File("LibTorchSharp")} of TorchSharp {TorchSharpVersion} for {NativeNames.Runtime} is not among this program's files. It comes with the package TorchSharp for linux-x64, win-x64 and osx-arm64.");
        var folder = named ?? own ?? throw new TorchRuntimeException($"This program brings no libtorch. Add the package libtorch-cpu-{NativeNames.Runtime} {LibtorchVersion} (or TorchSharp-cuda-linux, TorchSharp-cuda-windows), or name the folder of an existing one in {Variable}.");

        // TorchSharp loads torch_cpu by name, which finds the program's own first; the second libtorch would abort the process.
        if (named is not null && own is not null && !SameFolder(named.Path, own.Path))
            throw new TorchRuntimeException($"'{named.Path}' cannot be used: this program brings its own libtorch in '{own.Path}', and two in one process do not work. Build it without the package libtorch-cpu-{NativeNames.Runtime} or TorchSharp-cuda-*, or let it use its own.");

        NativePreload.Libtorch(folder);
        _loaded = folder;
        NativePreload.Load(NativeHost.LibstdcxxIsNewEnough() ? library : RelaxedCopy.Of(library, RelaxedCopy.DefaultCache()), null);
    }

    private static void Start()
    {
        try
        {
            RuntimeHelpers.RunClassConstructor(typeof(torch).TypeHandle);
        }
        catch (TypeInitializationException e)
        {
            throw new TorchRuntimeException($"TorchSharp failed to load: {FirstLine(e.InnerException)} If torch was used before TorchRuntime.EnsureLoaded(), that failure is final for this process: start it again and call EnsureLoaded() first.", e.InnerException);
        }
    }

    private static void RefuseAnother(LibtorchFolder folder)
    {
        // The system names a loaded file with links resolved; the folder may have been named through one.
        if (_loaded is not null && SameFolder(_loaded.Path, folder.Path)) return;
        if (NativeHost.Loaded("torch_cpu") is { } loaded && !SameFolder(Path.GetDirectoryName(loaded)!, folder.Path))
            throw new TorchRuntimeException($"'{folder.Path}' cannot be used: this process already runs on '{loaded}'. Start it again and call TorchRuntime.EnsureLoaded() before any other use of torch.");
    }

    private static TorchRuntimeInfo Describe()
    {
        var library = NativeHost.Loaded("LibTorchSharp");
        var libtorch = _loaded?.FileOf("torch_cpu") ?? NativeHost.Loaded("torch_cpu");
        return new TorchRuntimeInfo
        {
            Libtorch = libtorch,
            TorchSharpLibrary = library,
            Version = libtorch is null ? null : LibtorchFolder.TryOpen(Path.GetDirectoryName(libtorch)!)?.Version,
            Backend = NativeHost.Loaded("torch_cuda") is null ? TorchBackend.Cpu : TorchBackend.Cuda,
            CudaAvailable = torch.cuda.is_available(),
            Relaxed = OperatingSystem.IsLinux() && library is not null && IsRelaxed(library),
        };
    }

    private static bool IsRelaxed(string library)
    {
        try
        {
            return ElfRelax.Relax(File.ReadAllBytes(library)) == RelaxOutcome.AlreadyRelaxed;
        }
        catch (InvalidDataException)
        {
            return false;
        }
    }

    private static bool SameFolder(string a, string b) => Path.TrimEndingDirectorySeparator(Path.GetFullPath(a)) == Path.TrimEndingDirectorySeparator(Path.GetFullPath(b));

    private static string FirstLine(Exception? e) => e?.Message.Split('\n', 2)[0].Trim() ?? "no reason given.";
}

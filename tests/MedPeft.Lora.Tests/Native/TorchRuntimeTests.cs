using System.Diagnostics;
using MedPeft.Lora.Native;

namespace MedPeft.Lora.Tests.Native;

/// <summary>Each in a process of its own (see Program), on Linux: a program folder is laid out with links, so it costs no gigabyte.</summary>
public sealed class TorchRuntimeTests : IDisposable
{
    private static readonly string Here = AppContext.BaseDirectory;
    private static readonly string Natives = Path.Combine(Here, "runtimes", "linux-x64", "native");

    private readonly string _root = Directory.CreateTempSubdirectory("medpeft-runtime-").FullName;

    private string Cache => Path.Combine(_root, "cache");

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void The_versions_it_names_are_those_of_the_TorchSharp_in_use()
    {
        Assert.StartsWith(TorchRuntime.LibtorchVersion + ".", torch.__version__, StringComparison.Ordinal);
        Assert.Equal(TorchRuntime.TorchSharpVersion + ".0", typeof(torch).Assembly.GetName().Version!.ToString());
    }

    [Fact]
    public void A_program_that_already_runs_on_torch_is_described()
    {
        _ = torch.ones(1).item<float>();
        var info = TorchRuntime.EnsureLoaded();
        Assert.Equal(TorchBackend.Cpu, info.Backend);
        Assert.False(info.CudaAvailable);
        if (!OperatingSystem.IsMacOS()) Assert.Equal(NativeNames.File("torch_cpu"), Path.GetFileName(info.Libtorch));
        Assert.Equal(info, TorchRuntime.EnsureLoaded());
    }

    [Fact]
    public void A_library_that_no_build_relaxed_loads_and_its_relaxed_copy_lies_in_the_cache()
    {
        if (!OperatingSystem.IsLinux()) return;
        var (status, output) = Run(Lay(libtorch: true, unrelaxed: true), "load", "sum", "library");
        Assert.Equal(0, status);
        Assert.Equal("6", output[1]);
        var inCache = Directory.Exists(Cache) ? Directory.GetFiles(Cache, "*", SearchOption.AllDirectories) : [];
        if (NativeHost.LibstdcxxIsNewEnough()) Assert.Empty(inCache);
        else Assert.Equal([output[2]], inCache);
    }

    [Fact]
    public void The_libtorch_of_a_Python_installation_serves_a_program_that_brings_none()
    {
        if (!OperatingSystem.IsLinux()) return;
        var python = LayPython("2.10.0+cpu");
        var (status, output) = Run(Lay(libtorch: false, unrelaxed: true), $"load={python}", "sum", $"load={python}/");
        Assert.Equal(0, status);
        Assert.StartsWith($"libtorch 2.10.0+cpu (cpu) from {python}/lib/python3.11/site-packages/torch/lib/libtorch_cpu.so", output[0], StringComparison.Ordinal);
        Assert.Equal(["6", output[0]], output[1..]);
    }

    [Fact]
    public void The_variable_names_a_folder_as_the_argument_does()
    {
        if (!OperatingSystem.IsLinux()) return;
        var program = Lay(libtorch: false, unrelaxed: false);
        var (status, output) = RunWith(LayPython("2.10.0"), program, "load", "sum");
        Assert.Equal((0, "6"), (status, output[1]));

        (status, output) = RunWith(Path.Combine(_root, "nowhere"), program, "load");
        Assert.Equal(3, status);
        Assert.StartsWith($"The libtorch folder '{_root}/nowhere' (named in MEDPEFT_LIBTORCH) does not exist.", output[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Another_version_loads_when_asked_for()
    {
        if (!OperatingSystem.IsLinux()) return;
        var (status, output) = Run(Lay(libtorch: false, unrelaxed: false), $"load-any={LayPython("2.11.0")}", "sum");
        Assert.Equal((0, "6"), (status, output[1]));
        Assert.StartsWith("libtorch 2.11.0 (cpu) from ", output[0], StringComparison.Ordinal);
    }

    [Fact]
    public void A_program_with_its_own_libtorch_refuses_a_second_one()
    {
        if (!OperatingSystem.IsLinux()) return;
        var program = Lay(libtorch: true, unrelaxed: false);
        var python = LayPython("2.10.0");
        var (status, output) = Run(program, $"load={python}");
        Assert.Equal(3, status);
        Assert.Equal(
            $"'{python}/lib/python3.11/site-packages/torch/lib' cannot be used: this program brings its own libtorch in '{program}/runtimes/linux-x64/native/', and two in one process do not work. Build it without the package libtorch-cpu-linux-x64 or TorchSharp-cuda-*, or let it use its own.",
            output[0]);
    }

    [Fact]
    public void A_process_that_runs_on_torch_refuses_another_one()
    {
        if (!OperatingSystem.IsLinux()) return;
        var python = LayPython("2.10.0");
        var (status, output) = Run(Lay(libtorch: true, unrelaxed: false), "load", $"load={python}");
        Assert.Equal(3, status);
        Assert.StartsWith($"'{python}/lib/python3.11/site-packages/torch/lib' cannot be used: this process already runs on '", output[1], StringComparison.Ordinal);
        Assert.EndsWith("'. Start it again and call TorchRuntime.EnsureLoaded() before any other use of torch.", output[1], StringComparison.Ordinal);
    }

    [Fact]
    public void A_failed_use_of_torch_before_the_call_is_final_and_said_to_be()
    {
        if (!OperatingSystem.IsLinux()) return;
        var (status, output) = Run(Lay(libtorch: false, unrelaxed: false), "fail", $"load={LayPython("2.10.0")}");
        Assert.Equal(3, status);
        Assert.StartsWith("TorchSharp failed to load: ", output[^1], StringComparison.Ordinal);
        Assert.EndsWith(" If torch was used before TorchRuntime.EnsureLoaded(), that failure is final for this process: start it again and call EnsureLoaded() first.", output[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void A_program_without_libtorch_is_told_which_package_to_add()
    {
        if (!OperatingSystem.IsLinux()) return;
        var (status, output) = Run(Lay(libtorch: false, unrelaxed: false), "load");
        Assert.Equal(3, status);
        Assert.Contains("libtorch-cpu-linux-x64", output[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void What_the_loader_says_of_a_broken_file_is_passed_on()
    {
        if (!OperatingSystem.IsLinux()) return;
        var python = LayPython("2.10.0");
        var library = Path.Combine(python, "lib/python3.11/site-packages/torch/lib/libc10.so");
        File.Delete(library);
        File.WriteAllText(library, "not a library");
        var (status, output) = Run(Lay(libtorch: false, unrelaxed: false), $"load={python}");
        Assert.Equal(3, status);
        Assert.StartsWith($"'{library}' cannot be loaded: ", output[0], StringComparison.Ordinal);
    }

    /// <summary>A program folder: links to the files of this one; the main assembly is a copy, because the host follows a link to find its folder.</summary>
    private string Lay(bool libtorch, bool unrelaxed)
    {
        var program = Directory.CreateDirectory(Path.Combine(_root, "program")).FullName;
        var natives = Directory.CreateDirectory(Path.Combine(program, "runtimes", "linux-x64", "native")).FullName;
        foreach (var file in Directory.GetFiles(Here))
        {
            var name = Path.GetFileName(file);
            if (name.StartsWith("MedPeft.Lora", StringComparison.Ordinal) || name == "TorchSharp.dll") File.Copy(file, Path.Combine(program, name));
            else File.CreateSymbolicLink(Path.Combine(program, name), file);
        }

        foreach (var file in Directory.GetFiles(Natives))
        {
            var name = Path.GetFileName(file);
            var target = unrelaxed && name == "libLibTorchSharp.so" ? TorchSharpPackage.Library : file;
            if (name == "libLibTorchSharp.so" || libtorch) File.CreateSymbolicLink(Path.Combine(natives, name), target);
        }

        return program;
    }

    private string LayPython(string version)
    {
        var python = Path.Combine(_root, "python");
        var torch = Directory.CreateDirectory(Path.Combine(python, "lib/python3.11/site-packages/torch")).FullName;
        File.WriteAllText(Path.Combine(torch, "version.py"), $"__version__ = '{version}'\n");
        Directory.CreateDirectory(Path.Combine(torch, "lib"));
        foreach (var file in Directory.GetFiles(Natives, "lib*").Where(file => !file.EndsWith("libLibTorchSharp.so", StringComparison.Ordinal) && !file.Contains("SkiaSharp", StringComparison.Ordinal)))
            File.CreateSymbolicLink(Path.Combine(torch, "lib", Path.GetFileName(file)), file);
        return python;
    }

    private (int Status, string[] Output) Run(string program, params string[] arguments) => RunWith("", program, arguments);

    private (int Status, string[] Output) RunWith(string variable, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath is { } host && Path.GetFileName(host) == "dotnet" ? host : "dotnet", ["exec", Path.Combine(program, "MedPeft.Lora.Tests.dll"), .. arguments])
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
        };
        start.Environment["MEDPEFT_CACHE"] = Cache;
        start.Environment["MEDPEFT_LIBTORCH"] = variable;

        // Without it TorchSharp, when it fails, copies the half gigabyte of its packages beside the program.
        start.Environment["NUGET_PACKAGES"] = Path.Combine(_root, "no-packages");
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }
}

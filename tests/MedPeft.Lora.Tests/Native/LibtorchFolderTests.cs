using MedPeft.Lora.Native;

namespace MedPeft.Lora.Tests.Native;

public sealed class LibtorchFolderTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("medpeft-libtorch-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Theory]
    [InlineData("torch/lib", "torch/lib")]
    [InlineData("torch/lib", "torch")]
    [InlineData("torch/lib", "")]
    [InlineData("venv/lib/python3.11/site-packages/torch/lib", "venv")]
    [InlineData("venv/Lib/site-packages/torch/lib", "venv")]
    public void It_is_found_from_any_folder_that_a_user_would_name(string place, string named)
    {
        var expected = FakeLibtorch(place, "2.10.0+cu128");
        var found = LibtorchFolder.Find(Path.Combine(_root, named), "given as libtorch");
        Assert.Equal(expected, found.Path);
        Assert.Equal("2.10.0+cu128", found.Version);
    }

    [Fact]
    public void A_plain_libtorch_states_its_version_in_build_version()
    {
        var folder = FakeLibtorch("libtorch/lib", null);
        File.WriteAllText(Path.Combine(_root, "libtorch", "build-version"), "2.10.0+cpu\n");
        Assert.Equal("2.10.0+cpu", LibtorchFolder.Find(folder, "").Version);
    }

    [Fact]
    public void A_package_states_its_version_in_its_path()
    {
        var folder = FakeLibtorch("libtorch-cpu-linux-x64/2.10.0/runtimes/linux-x64/native", null);
        Assert.Equal("2.10.0", LibtorchFolder.Find(folder, "").Version);
    }

    [Fact]
    public void Only_a_folder_with_the_cuda_library_has_cuda()
    {
        var folder = FakeLibtorch("torch/lib", "2.10.0");
        Assert.False(LibtorchFolder.Find(folder, "").HasCuda);
        File.WriteAllText(Path.Combine(folder, NativeNames.File("torch_cuda")), "");
        Assert.True(LibtorchFolder.Find(folder, "").HasCuda);
    }

    [Fact]
    public void A_missing_folder_is_named_with_the_way_to_find_the_right_one()
    {
        var missing = Path.Combine(_root, "nowhere");
        var error = Assert.Throws<TorchRuntimeException>(() => TorchRuntime.EnsureLoaded(missing));
        Assert.Equal(
            $"The libtorch folder '{missing}' (given as libtorch) does not exist. Name the folder that holds it, or PyTorch's own folder: python -c \"import torch; print(torch.__path__[0])\" prints it.",
            error.Message);
    }

    [Fact]
    public void A_folder_without_libtorch_is_named_with_the_places_searched()
    {
        var error = Assert.Throws<TorchRuntimeException>(() => TorchRuntime.EnsureLoaded(_root));
        Assert.Equal(
            $"No {NativeNames.File("torch_cpu")} in '{_root}' (given as libtorch), nor below it in lib, torch/lib or site-packages/torch/lib. Name the folder that holds it, or PyTorch's own folder: python -c \"import torch; print(torch.__path__[0])\" prints it.",
            error.Message);
    }

    [Theory]
    [InlineData("2.11.0+cu130")]
    [InlineData("2.10.1")]
    [InlineData("1.13.1")]
    public void Another_version_is_refused_with_both_versions(string version)
    {
        var folder = FakeLibtorch("torch/lib", version);
        var error = Assert.Throws<TorchRuntimeException>(() => TorchRuntime.EnsureLoaded(folder));
        Assert.Equal(
            $"The libtorch in '{folder}' is version {version}; TorchSharp 0.107.0 needs 2.10.0. Install that one (pip install torch==2.10.0), or try this one with allowVersionMismatch: true.",
            error.Message);
    }

    [Fact]
    public void A_libtorch_of_unknown_version_is_refused()
    {
        var folder = FakeLibtorch("torch/lib", null);
        var error = Assert.Throws<TorchRuntimeException>(() => TorchRuntime.EnsureLoaded(folder));
        Assert.Equal(
            $"Nothing in or above '{folder}' states the version of libtorch there; TorchSharp 0.107.0 needs 2.10.0. Install that one (pip install torch==2.10.0), or try this one with allowVersionMismatch: true.",
            error.Message);
    }

    [Fact]
    public void Another_version_passes_when_asked_for()
    {
        var folder = LibtorchFolder.Find(FakeLibtorch("torch/lib", "2.11.0"), "");
        folder.Require("2.10.0", allowMismatch: true);
    }

    private string FakeLibtorch(string place, string? version)
    {
        var folder = Directory.CreateDirectory(Path.Combine(_root, place)).FullName;
        File.WriteAllText(Path.Combine(folder, NativeNames.File("torch_cpu")), "");
        if (version is not null)
            File.WriteAllText(Path.Combine(folder, "..", "version.py"), $"from typing import Optional\n\n__all__ = ['__version__', 'debug']\n__version__ = '{version}'\ndebug = False\n");
        return folder;
    }
}

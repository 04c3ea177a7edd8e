using MedPeft.Lora.Native;

namespace MedPeft.Lora.Tests.Native;

public class NativeHostTests
{
    [Theory]
    [InlineData("linux-x64", "2.34")]
    [InlineData("linux-x64", "2.36")]
    [InlineData("debian.12-x64", null)]
    public void A_recent_glibc_is_no_obstacle(string runtimeIdentifier, string? glibc) => Assert.Null(NativeHost.Obstacle(runtimeIdentifier, glibc is null ? null : new Version(glibc)));

    [Fact]
    public void An_old_glibc_is_named() => Assert.Equal(
        "TorchSharp needs glibc 2.34 or newer; this system has 2.31. Run on Debian 12, Ubuntu 22.04, RHEL 9 or newer.",
        NativeHost.Obstacle("linux-x64", new Version(2, 31)));

    [Fact]
    public void Musl_is_named() => Assert.Equal(
        "TorchSharp is built for glibc; this system (linux-musl-x64) has musl. Run on Debian 12, Ubuntu 22.04, RHEL 9 or newer.",
        NativeHost.Obstacle("linux-musl-x64", null));

    [Fact]
    public void This_machine_has_no_obstacle_and_its_loaded_libraries_are_known()
    {
        Assert.Null(NativeHost.Obstacle());
        _ = torch.ones(1).item<float>();
        if (OperatingSystem.IsMacOS()) return;
        Assert.Equal(NativeNames.File("LibTorchSharp"), Path.GetFileName(NativeHost.Loaded("LibTorchSharp")));
        Assert.Null(NativeHost.Loaded("no_such_library"));
    }
}

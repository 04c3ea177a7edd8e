using static TorchSharp.torch;

namespace MedPeft.Lora.Tests;

internal static class TensorAssert
{
    /// <summary>The largest difference, relative to the largest value expected, is at most the tolerance.</summary>
    public static void Close(Tensor expected, Tensor actual, double tolerance, string what)
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        Assert.True(expected.shape.SequenceEqual(actual.shape), $"{what}: expected [{string.Join(", ", expected.shape)}], found [{string.Join(", ", actual.shape)}]");
        var (e, a) = (expected.to(ScalarType.Float64), actual.to(ScalarType.Float64));
        var scale = Math.Max(e.abs().max().item<double>(), double.Epsilon);
        var error = (e - a).abs().max().item<double>() / scale;
        Assert.True(error <= tolerance, $"{what}: relative error {error:E2} is over {tolerance:E2}");
    }

    /// <summary>Every bit is the same.</summary>
    public static void Same(Tensor expected, Tensor actual, string what)
    {
        Assert.True(expected.shape.SequenceEqual(actual.shape), $"{what}: expected [{string.Join(", ", expected.shape)}], found [{string.Join(", ", actual.shape)}]");
        Assert.Equal(expected.dtype, actual.dtype);
        using Tensor e = expected.detach().cpu().contiguous(), a = actual.detach().cpu().contiguous();
        Assert.True(e.bytes.SequenceEqual(a.bytes), $"{what}: bits differ");
    }
}

using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Injection.NativeLayers;

internal static class NativeChecks
{
    /// <summary>The gradients of tensors in float64 are the finite differences of a loss.</summary>
    public static void GradientsEqualFiniteDifferences(Func<Tensor> loss, IReadOnlyList<Tensor> tensors)
    {
        loss().backward();
        foreach (var tensor in tensors)
        {
            Assert.Equal(ScalarType.Float64, tensor.dtype);
            using var flat = tensor.detach().view(-1); // shares memory
            for (var i = 0; i < flat.numel(); i++)
            {
                var value = flat[i].item<double>();
                double At(double at)
                {
                    flat[i] = at;
                    return loss().item<double>();
                }

                var numeric = (At(value + 1e-6) - At(value - 1e-6)) / 2e-6;
                flat[i] = value;
                Assert.Equal(numeric, tensor.grad!.reshape(-1)[i].item<double>(), 2e-7);
            }
        }
    }
}

using System.Runtime.Intrinsics.X86;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Common;

/// <summary>The product of a linear layer, y = xWᵀ + b, by the fastest code that libtorch has for it on the processor at hand.</summary>
/// <remarks>
/// libtorch gives float32 products to MKL, which on AMD's processors uses half the width of their registers. Convolutions go to oneDNN, which uses all of it, and a linear layer is a
/// convolution with a kernel of one pixel: the same sums in another order, 1.4 to 1.8 times as fast forward and backward (benchmarks/results). Elsewhere MKL is as fast, and is left to it.
/// </remarks>
internal static class LinearProduct
{
    // Below, the convolution's own preparations cost what it gains.
    private const long Smallest = 1 << 24;

    // libtorch gives smaller images to other code, which first warns of itself on standard error.
    private const long SmallestImage = 20_480;

    // oneDNN's kernels work on so many channels at a time.
    private const long Lanes = 16;

    private static readonly bool WideRegistersOfAmd = Avx512F.IsSupported && Vendor() == "AuthenticAMD";

    /// <summary>Calls a layer; a linear one that nobody listens to may go the faster way.</summary>
    /// <param name="layer">Any layer.</param>
    /// <param name="input">What it takes.</param>
    /// <returns>What it gives, caller owns.</returns>
    public static Tensor Call(nn.Module<Tensor, Tensor> layer, Tensor input) => IsFaster(layer, input, 0) ? Of((Linear)layer, input) : layer.call(input);

    /// <summary>Whether <see cref="Of"/> gives what a call of the layer gives, and sooner.</summary>
    /// <param name="layer">Any layer.</param>
    /// <param name="input">What it takes.</param>
    /// <param name="knownHooks">Hooks on the layer that the caller sees to.</param>
    public static bool IsFaster(nn.Module<Tensor, Tensor> layer, Tensor input, int knownHooks)
    {
        if (!WideRegistersOfAmd || layer is not Linear linear || input.dim() < 2 || input.device_type != DeviceType.CPU || input.dtype != ScalarType.Float32) return false;
        var weight = linear.weight;
        if (weight.dtype != ScalarType.Float32 || linear.bias is { dtype: not ScalarType.Float32 }) return false;
        var (shape, size) = (weight.shape, input.shape);
        var rows = input.numel() / Math.Max(1, size[^1]);
        return size[^1] == shape[1] && shape[0] % Lanes == 0 && shape[1] % Lanes == 0
            && rows * shape[0] * shape[1] >= Smallest && rows * Math.Min(shape[0], shape[1]) > SmallestImage
            && (Grid(size).Images >= Lanes || get_num_threads() > 1) // libtorch's own condition for oneDNN at this kernel
            && ForwardHooks.On(layer) == knownHooks;
    }

    /// <summary>The product of a layer as a convolution. Of frozen weights nothing but the weights is kept for the gradient.</summary>
    /// <param name="layer">The layer, [in] to [out].</param>
    /// <param name="input">[..., in], of two dimensions at least.</param>
    /// <returns>[..., out], caller owns.</returns>
    public static Tensor Of(Linear layer, Tensor input)
    {
        var (weight, bias) = (layer.weight, layer.bias);
        if (weight.requires_grad) return Forward(input, weight, bias);
        if (bias is not { requires_grad: true }) return Frozen(input, weight, bias);
        return Frozen(input, weight, null).PlusInPlace(bias);
    }

    private static Tensor Frozen(Tensor input, Tensor weight, Tensor? bias)
    {
        if (is_grad_enabled() && input.requires_grad) return FrozenProduct.Of(input, weight, bias);
        using var product = Forward(input, weight, bias);
        return product.detach(); // no view: to add an update to one in place would cost a copy of its whole gradient
    }

    /// <summary>xWᵀ + b.</summary>
    internal static Tensor Forward(Tensor input, Tensor weight, Tensor? bias) =>
        Convolved(input, weight, weight.shape[0], (image, kernel) => nn.functional.conv2d(image, kernel, bias));

    /// <summary>gW, the gradient of the input: the transposed convolution.</summary>
    internal static Tensor Backward(Tensor gradient, Tensor weight) =>
        Convolved(gradient, weight, weight.shape[1], (image, kernel) => nn.functional.conv_transpose2d(image, kernel));

    // [B, N, C] as B images of one row of N pixels with C channels, the channels last in memory as they are: no copy is made.
    private static Tensor Convolved(Tensor rows, Tensor weight, long channels, Func<Tensor, Tensor, Tensor> convolve)
    {
        var shape = rows.shape;
        var (images, pixels) = Grid(shape);
        using Tensor dense = rows.contiguous(), grid = dense.view(images, 1, pixels, shape[^1]), image = grid.permute(0, 3, 1, 2); // [B, C, 1, N]
        using var kernel = weight.view(weight.shape[0], weight.shape[1], 1, 1);
        using Tensor result = convolve(image, kernel), last = result.permute(0, 2, 3, 1); // [B, 1, N, channels]
        return last.reshape([.. shape[..^1], channels]);
    }

    private static (long Images, long Pixels) Grid(long[] shape) =>
        shape.Length == 3 && shape[1] >= Lanes ? (shape[0], shape[1]) : (1, shape[..^1].Aggregate(1L, (product, size) => product * size));

    private static string Vendor()
    {
        var (_, b, c, d) = X86Base.CpuId(0, 0);
        Span<byte> text = stackalloc byte[3 * sizeof(int)];
        BitConverter.TryWriteBytes(text, b);
        BitConverter.TryWriteBytes(text[4..], d);
        BitConverter.TryWriteBytes(text[8..], c);
        return System.Text.Encoding.ASCII.GetString(text);
    }
}

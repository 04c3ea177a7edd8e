using MedPeft.Lora.Common;
using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>Weight-decomposed adaptation: W' = m · (W + ΔW) / ‖W + ΔW‖, one norm m for the weights of each output.</summary>
/// <remarks>Liu et al. 2024, §4.3, arXiv:2402.09353: the norm in the denominator is a constant to the gradient.</remarks>
internal static class Dora
{
    /// <summary>The norm of each output's weights.</summary>
    /// <param name="weight">[out, ...].</param>
    /// <returns>[out], caller owns.</returns>
    public static Tensor Norms(Tensor weight)
    {
        using var rows = weight.flatten(1);
        using var squares = rows.mul(rows);
        using var sums = squares.sum(1L);
        return sums.sqrt(); // not linalg.vector_norm, which passes a temporary Scalar: see SafeArithmetic
    }

    /// <summary>The factor m / ‖W + ΔW‖ of each output; exactly 1 at the start.</summary>
    /// <param name="magnitude">m, any shape of out entries.</param>
    /// <param name="weight">W, [out, ...].</param>
    /// <param name="delta">ΔW, of W's shape and of the type to compute in.</param>
    /// <returns>[out], with a gradient to m; caller owns.</returns>
    public static Tensor Factor(Tensor magnitude, Tensor weight, Tensor delta)
    {
        using var norms = Norm();
        using var flat = magnitude.reshape(-1);
        using var typed = flat.to(delta.dtype);
        return typed.div(norms);

        Tensor Norm()
        {
            using var none = no_grad();
            using var own = weight.to(delta.dtype);
            using var sum = own.Plus(delta);
            return Norms(sum);
        }
    }

    /// <summary>Turns Wx + b into factor · (W + ΔW)x + b, in place and so that a factor of 1 changes no bit.</summary>
    /// <param name="output">Wx + b.</param>
    /// <param name="delta">ΔW x.</param>
    /// <param name="bias">b in a shape that fits the output; null for none.</param>
    /// <param name="factor">Factor in a shape that fits the output.</param>
    public static void Apply(Tensor output, Tensor delta, Tensor? bias, Tensor factor)
    {
        using var typed = factor.to(output.dtype);
        using var own = bias is null ? output.clone() : output.Minus(bias); // a tensor of its own: the output itself is overwritten below
        using var excess = typed.Plus(-1);
        using var change = own.mul(excess);
        using var scaled = delta.mul(typed);
        change.PlusInPlace(scaled);
        output.PlusInPlace(change);
    }

    /// <summary>The change of the weight, W' − W.</summary>
    /// <returns>Of W's shape in the type of ΔW, caller owns.</returns>
    public static Tensor Change(Tensor magnitude, Tensor weight, Tensor delta)
    {
        using var factor = Factor(magnitude, weight, delta);
        using var shaped = factor.view([-1, .. Enumerable.Repeat(1L, (int)weight.dim() - 1)]);
        using var own = weight.to(delta.dtype);
        using var sum = own.Plus(delta);
        using var product = sum.mul(shaped);
        return product.Minus(own);
    }
}

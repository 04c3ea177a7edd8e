using TorchSharp;
using static TorchSharp.torch;

#pragma warning disable RS0030 // The one place that makes scalars of numbers: here they are kept alive.

namespace MedPeft.Lora.Common;

/// <summary>Tensor arithmetic whose scalars outlive the native call.</summary>
/// <remarks>
/// TorchSharp 0.107 turns a number into a temporary <see cref="Scalar"/> and passes its bare handle on; even <c>a + b</c> makes one, the factor 1.
/// Nothing refers to the object any more while native code reads it, so a finalizer that runs in that moment frees it: once in some hundred
/// thousand steps the sum fails ("Exception raised from toFloat") or, worse, is another. Here the object is used again after the call.
/// </remarks>
internal static class SafeArithmetic
{
    private static readonly Scalar One = 1;

    /// <summary>a + b.</summary>
    public static Tensor Plus(this Tensor a, Tensor b) => a.add(b, One);

    /// <summary>a + factor · b.</summary>
    public static Tensor Plus(this Tensor a, Tensor b, double factor)
    {
        using Scalar scalar = factor;
        return a.add(b, scalar);
    }

    /// <summary>a − b.</summary>
    public static Tensor Minus(this Tensor a, Tensor b)
    {
        using Scalar minusOne = -1;
        return a.add(b, minusOne);
    }

    /// <summary>a + number.</summary>
    public static Tensor Plus(this Tensor a, double number)
    {
        using Scalar scalar = number;
        return a.add(scalar, One);
    }

    /// <summary>a · number.</summary>
    public static Tensor Times(this Tensor a, double number)
    {
        using Scalar scalar = number;
        return a.mul(scalar);
    }

    /// <summary>The larger of a and number, element by element.</summary>
    public static Tensor AtLeast(this Tensor a, double number)
    {
        using Scalar scalar = number;
        return a.clamp_min(scalar);
    }

    /// <summary>Where a is at least number, element by element.</summary>
    public static Tensor IsAtLeast(this Tensor a, double number)
    {
        using Scalar scalar = number;
        return a.ge(scalar);
    }

    /// <summary>a ← a + b.</summary>
    public static Tensor PlusInPlace(this Tensor a, Tensor b) => a.add_(b, One);

    /// <summary>a ← a + factor · b.</summary>
    public static Tensor PlusInPlace(this Tensor a, Tensor b, double factor)
    {
        using Scalar scalar = factor;
        return a.add_(b, scalar);
    }

    /// <summary>a ← a + number.</summary>
    public static Tensor PlusInPlace(this Tensor a, double number)
    {
        using Scalar scalar = number;
        return a.add_(scalar, One);
    }

    /// <summary>a ← a · number.</summary>
    public static Tensor TimesInPlace(this Tensor a, double number)
    {
        using Scalar scalar = number;
        return a.mul_(scalar);
    }

    /// <summary>a ← a + factor · b · c.</summary>
    public static Tensor PlusProductInPlace(this Tensor a, Tensor b, Tensor c, double factor)
    {
        using Scalar scalar = factor;
        return a.addcmul_(b, c, scalar);
    }

    /// <summary>a ← a + factor · b / c.</summary>
    public static Tensor PlusQuotientInPlace(this Tensor a, Tensor b, Tensor c, double factor)
    {
        using Scalar scalar = factor;
        return a.addcdiv_(b, c, scalar);
    }
}

using TorchSharp;

namespace MedPeft.Lora.Common;

/// <summary>Convolutions that libtorch 2.10 gets wrong on CPUs with AVX-512.</summary>
/// <remarks>
/// An ungrouped convolution with a kernel above 1 and a number of channels that is no multiple of 16 reads memory that nobody has written. To such a number of outputs,
/// gradients of the input may be NaN, and in bfloat16 the results themselves are wrong; from such a number of inputs, gradients of the input are wrong in bfloat16.
/// </remarks>
internal static class SmallConvolutions
{
    /// <summary>The number of channels whose multiples are computed rightly.</summary>
    public const int Lanes = 16;

    /// <summary>True for a convolution that is right only where its channels are multiples of <see cref="Lanes"/>.</summary>
    /// <param name="device">Where it computes.</param>
    /// <param name="groups">Its groups.</param>
    /// <param name="weight">Shape of its weight, [out, in/groups, kernel...].</param>
    public static bool NeedsLanes(DeviceType device, long groups, long[] weight) => device == DeviceType.CPU && groups == 1 && weight.AsSpan(2).ContainsAnyExcept(1L);
}

using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>Vectors of one entry a channel, in shapes that fit a layer's input, output and weight.</summary>
internal static class Channels
{
    /// <summary>Fits the input or output of a layer: the last dimension, or in a convolution or batch norm the second.</summary>
    /// <param name="vector">Any shape of C entries.</param>
    /// <param name="layer">The layer.</param>
    /// <param name="type">The type wanted.</param>
    /// <returns>[C] or [C, 1, 1], caller owns.</returns>
    public static Tensor OfActivations(Tensor vector, nn.Module layer, ScalarType type)
    {
        using var flat = layer is Conv2d or BatchNorm2d ? vector.reshape(-1, 1, 1) : vector.reshape(-1);
        return flat.to(type);
    }

    /// <summary>Fits the first dimension of a weight.</summary>
    /// <returns>[C, 1, ...] of as many dimensions as the weight, caller owns.</returns>
    public static Tensor OfRows(Tensor vector, Tensor weight, ScalarType type)
    {
        using var shaped = vector.reshape([-1, .. Enumerable.Repeat(1L, (int)weight.dim() - 1)]);
        return shaped.to(type);
    }
}

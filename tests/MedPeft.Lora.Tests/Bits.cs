using static TorchSharp.torch;

namespace MedPeft.Lora.Tests;

/// <summary>Comparison of tensors bit for bit.</summary>
internal static class Bits
{
    public static bool Equal(Tensor a, Tensor b) =>
        a.dtype == b.dtype && a.shape.SequenceEqual(b.shape) && a.detach().cpu().contiguous().bytes.SequenceEqual(b.detach().cpu().contiguous().bytes);
}

using static TorchSharp.torch;

namespace MedPeft.Lora.Checkpoints;

/// <summary>The raw bytes of a tensor, in pieces that a span can hold.</summary>
internal static class TensorBytes
{
    /// <summary>Cuts a contiguous CPU tensor into flat views of at most <see cref="Limits.Chunk"/> bytes.</summary>
    /// <returns>Views in order; the caller disposes each.</returns>
    public static IEnumerable<Tensor> Pieces(Tensor tensor)
    {
        var count = tensor.numel();
        if (count == 0) yield break;
        using var flat = tensor.view(count).DetachFromDisposeScope();
        var step = Limits.Chunk / tensor.element_size();
        for (long start = 0; start < count; start += step)
            yield return flat.narrow(0, start, Math.Min(step, count - start)).DetachFromDisposeScope();
    }
}

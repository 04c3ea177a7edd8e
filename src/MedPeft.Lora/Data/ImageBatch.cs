using static TorchSharp.torch;

namespace MedPeft.Lora.Data;

/// <summary>Images and labels of one step, on the CPU. Whoever receives it disposes it, which frees both tensors; no dispose scope does.</summary>
public sealed class ImageBatch : IDisposable
{
    internal ImageBatch(Tensor images, Tensor labels, IReadOnlyList<int> indices) => (Images, Labels, Indices) = (images, labels, indices);

    /// <summary>The network's input, [B, C, H, W], float32.</summary>
    public Tensor Images { get; }

    /// <summary>1 present, 0 absent, NaN missing, [B, K], float32.</summary>
    public Tensor Labels { get; }

    /// <summary>The positions in the data set of the B images.</summary>
    public IReadOnlyList<int> Indices { get; }

    /// <summary>The number of images, B.</summary>
    public int Count => Indices.Count;

    /// <summary>Frees both tensors.</summary>
    public void Dispose()
    {
        Images.Dispose();
        Labels.Dispose();
    }
}

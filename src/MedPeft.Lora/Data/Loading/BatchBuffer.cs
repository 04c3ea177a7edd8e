using System.Runtime.InteropServices;
using MedPeft.Lora.Imaging;
using static TorchSharp.torch;

namespace MedPeft.Lora.Data.Loading;

/// <summary>A batch in the making. Its tensors are made on a worker's thread, where no dispose scope of the caller reaches them.</summary>
internal sealed class BatchBuffer : IDisposable
{
    private readonly int[] _indices;
    private readonly long[] _shape;
    private readonly Tensor _images, _labels;
    private ImageException?[]? _bad;
    private bool _handedOut;

    public BatchBuffer(ImageDataset data, ImagePipeline pipeline, int[] indices)
    {
        (_indices, Left) = (indices, indices.Length);
        _shape = [indices.Length, pipeline.Channels, pipeline.Size, pipeline.Size];
        _images = empty(_shape, ScalarType.Float32, CPU).DetachFromDisposeScope();
        _labels = empty([indices.Length, data.Labels.Count], ScalarType.Float32, CPU).DetachFromDisposeScope();
        var labels = Floats(_labels);
        for (var i = 0; i < indices.Length; i++) data[indices[i]].Labels.CopyTo(labels[(i * data.Labels.Count)..]);
    }

    /// <summary>Images that are not finished yet. Guarded by the run's lock.</summary>
    public int Left { get; set; }

    /// <summary>Where an image of the batch goes, [C, H, W].</summary>
    public Span<float> this[int position]
    {
        get
        {
            var one = (int)(_shape[1] * _shape[2] * _shape[3]);
            return Floats(_images).Slice(position * one, one);
        }
    }

    /// <summary>Notes that an image cannot be read. Guarded by the run's lock.</summary>
    public void Fail(int position, ImageException problem) => (_bad ??= new ImageException[_indices.Length])[position] = problem;

    /// <summary>The finished batch without its bad images, or null if none is left.</summary>
    /// <param name="onBad">Receives each bad image in the batch's order; throws to stop.</param>
    public ImageBatch? Finish(Action<int, ImageException> onBad)
    {
        if (_bad is null)
        {
            _handedOut = true;
            return new ImageBatch(_images, _labels, _indices);
        }

        for (var i = 0; i < _bad.Length; i++)
            if (_bad[i] is { } problem) onBad(_indices[i], problem);
        int[] good = [.. Enumerable.Range(0, _bad.Length).Where(i => _bad[i] is null)];
        if (good.Length == 0) return null;
        using var rows = tensor(good.Select(i => (long)i).ToArray());
        var (images, labels) = (_images.index_select(0, rows), _labels.index_select(0, rows));
        return new ImageBatch(images.DetachFromDisposeScope(), labels.DetachFromDisposeScope(), [.. good.Select(i => _indices[i])]);
    }

    public void Dispose()
    {
        if (_handedOut) return;
        _images.Dispose();
        _labels.Dispose();
    }

    private static Span<float> Floats(Tensor tensor) => MemoryMarshal.Cast<byte, float>(tensor.bytes);
}

using MedPeft.Lora.Data;
using MedPeft.Lora.Data.Caching;
using MedPeft.Lora.Data.Loading;
using static TorchSharp.torch;

namespace MedPeft.Lora.Training;

/// <summary>The batches of a loader with the tokens of a <see cref="FrozenPrefix"/> in place of the images, one batch ahead.</summary>
internal sealed class CachedBatches(FrozenPrefix prefix, ImageDataset data, ImageLoader loader, TrainingOptions options, Device device) : IDisposable
{
    private TokenCache? _cache;
    private CachedImage?[] _found = [];

    /// <summary>Images that are kept, and the bytes of one.</summary>
    public (int Images, long Bytes) Kept => (_found.Count(image => image is not null), _cache?.Bytes ?? 0);

    /// <summary>Opens the cache and computes what is missing in it; leaves the model in evaluation mode.</summary>
    /// <param name="model">The model.</param>
    /// <param name="report">Told of images done, images to do, and images per second.</param>
    /// <param name="cancellationToken">Stops between images; what is finished stays.</param>
    /// <returns>Images that were computed.</returns>
    public int Fill(nn.Module<Tensor, Tensor> model, Action<int, int, double> report, CancellationToken cancellationToken)
    {
        model.eval();
        _cache = prefix.Open(model, device, out var landmark);
        var filling = new PrefixFilling(prefix, _cache, landmark, data, loader, options, device);
        _found = filling.Run(report, cancellationToken);
        return filling.Computed;
    }

    /// <summary>The rest of an epoch from one of its batches on, each with its number, as <see cref="ImageLoader.EpochFrom"/>.</summary>
    public IEnumerable<(int Number, ImageBatch Batch)> EpochFrom(int epoch, int first, CancellationToken cancellationToken)
    {
        var order = EpochOrder.Shuffled(data.Count, loader.Options.Seed, epoch);
        Task<ImageBatch?>? next = null;
        try
        {
            for (var number = first; number < loader.BatchesPerEpoch; number++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var current = next ?? Begin(number);
                next = null;
                var batch = current.GetAwaiter().GetResult();
                if (number + 1 < loader.BatchesPerEpoch) next = Begin(number + 1);
                if (batch is not null) yield return (number, batch);
            }
        }
        finally
        {
            if (next is not null)
            {
                ((IAsyncResult)next).AsyncWaitHandle.WaitOne();
                if (next.IsCompletedSuccessfully) next.Result?.Dispose();
            }
        }

        Task<ImageBatch?> Begin(int number)
        {
            var size = loader.Options.BatchSize;
            var indices = order[(number * size)..Math.Min(order.Length, (number + 1) * size)].Where(index => _found[index] is not null).ToArray();
            return Task.Run(() => indices.Length == 0 ? null : Read(indices));
        }
    }

    public void Dispose() => _cache?.Dispose();

    // On a thread of the pool, where no dispose scope of the caller reaches the tensors.
    private ImageBatch Read(int[] indices)
    {
        var (numbers, count, _) = _cache!.Size;
        var tokens = empty([indices.Length, count, numbers], prefix.Stored, CPU).DetachFromDisposeScope();
        var labels = empty([indices.Length, data.Labels.Count], ScalarType.Float32, CPU).DetachFromDisposeScope();
        var batch = new ImageBatch(tokens, labels, indices);
        try
        {
            for (var row = 0; row < indices.Length; row++)
            {
                using Tensor image = tokens.select(0, row), label = labels.select(0, row);
                _found[indices[row]]!.Read(image.bytes);
                data[indices[row]].Labels.CopyTo(System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(label.bytes));
            }

            return batch;
        }
        catch
        {
            batch.Dispose();
            throw;
        }
    }
}

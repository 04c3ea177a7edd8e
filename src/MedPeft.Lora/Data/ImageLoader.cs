using MedPeft.Lora.Data.Loading;
using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Data;

/// <summary>Turns a data set into batches: decodes and augments on threads of its own, a few batches ahead.</summary>
/// <remarks>
/// The batches depend on the data, the pipeline, the batch size, the seed and the epoch, never on the threads or their timing. The order
/// of a shuffled epoch is the Fisher-Yates permutation of <c>SampleRandom.For(Seed, epoch, -1)</c>; an image's augmentation draws from
/// <c>SampleRandom.For(Seed, epoch, position in the data set)</c>.
/// </remarks>
public sealed class ImageLoader : IDisposable
{
    private readonly ImageDataset _data;
    private readonly ImagePipeline _pipeline;
    private readonly SortedDictionary<int, SkippedImage> _skipped = [];
    private readonly List<EpochRun> _runs = [];
    private bool _disposed;

    /// <summary>Prepares a loader; no thread starts before an epoch is asked for.</summary>
    /// <param name="data">The images.</param>
    /// <param name="pipeline">From decoded pixels to the network's input.</param>
    /// <param name="options">Batch size and the rest; the defaults if null.</param>
    /// <exception cref="ArgumentException">The set is empty or makes no whole batch, or a batch would pass 2 GiB.</exception>
    public ImageLoader(ImageDataset data, ImagePipeline pipeline, ImageLoaderOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(pipeline);
        (_data, _pipeline, Options) = (data, pipeline, options ?? new ImageLoaderOptions());
        var size = Options.BatchSize;
        if (data.Count == 0)
            throw new ArgumentException("The data set is empty; a loader needs at least one image. Check the list and the filters.", nameof(data));
        BatchesPerEpoch = Options.DropLast ? data.Count / size : (data.Count - 1) / size + 1;
        if (BatchesPerEpoch == 0)
            throw new ArgumentException(
                $"{data.Count} images make no whole batch of {size}, and DropLast leaves out the rest. Lower BatchSize to {data.Count} or less, or keep "
                + "the last batch.",
                nameof(options));
        var bytes = (long)Math.Min(size, data.Count) * pipeline.Channels * pipeline.Size * pipeline.Size * sizeof(float);
        if (bytes > int.MaxValue)
            throw new ArgumentException(
                $"A batch of {size} images of {pipeline.Channels}x{pipeline.Size}x{pipeline.Size} takes {bytes} bytes; at most {int.MaxValue} fit. "
                + "Lower BatchSize.",
                nameof(options));
    }

    /// <summary>How the batches are formed.</summary>
    public ImageLoaderOptions Options { get; }

    /// <summary>Batches in an epoch; one less for each batch of which every image was skipped.</summary>
    public int BatchesPerEpoch { get; }

    /// <summary>Images that were left out so far because they cannot be read, by position; each once, whatever the number of epochs.</summary>
    public IReadOnlyList<SkippedImage> Skipped
    {
        get
        {
            lock (_skipped) return [.. _skipped.Values];
        }
    }

    /// <summary>The batches of an epoch. The threads start with the enumeration and end with it, also when it is left early.</summary>
    /// <param name="epoch">The epoch, from 0: it decides the order and the augmentation.</param>
    /// <param name="cancellationToken">Ends the enumeration with an <see cref="OperationCanceledException"/>.</param>
    /// <returns>Batches that the caller disposes.</returns>
    /// <exception cref="ImageException">While enumerating: an image cannot be read; it comes at its own batch, whole batches before it.</exception>
    public IEnumerable<ImageBatch> Epoch(int epoch, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(epoch);
        ObjectDisposedException.ThrowIf(_disposed, this);
        return EpochFrom(epoch, 0, cancellationToken).Select(entry => entry.Batch);
    }

    /// <summary>The rest of an epoch from one of its batches on, each with its number; what comes before is neither read nor decoded.</summary>
    internal IEnumerable<(int Number, ImageBatch Batch)> EpochFrom(int epoch, int first, CancellationToken cancellationToken)
    {
        if (first >= BatchesPerEpoch) yield break;
        using var run = Start(epoch, first, cancellationToken);
        for (var b = first; b < BatchesPerEpoch; b++)
        {
            var batch = run.Take(b, Record);
            if (batch is not null) yield return (b, batch);
        }
    }

    /// <summary>Counts images that an earlier process left out as left out here.</summary>
    internal void Remember(IEnumerable<SkippedImage> skipped)
    {
        lock (_skipped)
        {
            foreach (var image in skipped) _skipped.TryAdd(image.Index, image);
        }
    }

    /// <summary>Stops the threads of enumerations that are still open. Batches that were handed out stay valid.</summary>
    public void Dispose()
    {
        EpochRun[] runs;
        lock (_runs)
        {
            _disposed = true;
            runs = [.. _runs];
        }

        foreach (var run in runs) run.Dispose();
    }

    private EpochRun Start(int epoch, int first, CancellationToken cancellationToken)
    {
        lock (_runs)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            var order = Options.Shuffle ? EpochOrder.Shuffled(_data.Count, Options.Seed, epoch) : EpochOrder.AsIs(_data.Count);
            var run = new EpochRun(_data, _pipeline, Options, order, epoch, first, BatchesPerEpoch, Ended, cancellationToken);
            _runs.Add(run);
            return run;
        }
    }

    private void Ended(EpochRun run)
    {
        lock (_runs) _runs.Remove(run);
    }

    /// <summary>Counts an image as left out, or throws where that would be one too many.</summary>
    /// <remarks>Called in the order of the batches, so the count at which the limit is passed is the same in every run.</remarks>
    internal void Record(int index, ImageException problem)
    {
        var allowed = Options.OnBadImage.Allowed(_data.Count);
        lock (_skipped)
        {
            if (_skipped.TryAdd(index, new SkippedImage(index, problem.Problem)) && _skipped.Count > allowed)
                throw new ImageException(
                    problem.File,
                    $"cannot be read, and {allowed} of {_data.Count} images were skipped before it: the limit of {Options.OnBadImage}. "
                    + $"Its own error: {problem.Problem}",
                    problem);
        }
    }
}

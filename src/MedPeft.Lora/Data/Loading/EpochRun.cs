using System.Runtime.ExceptionServices;
using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Data.Loading;

/// <summary>
/// One enumeration of an epoch: threads that take image after image in the epoch's order, and the batches they fill. A batch is begun
/// only when it is at most <c>Prefetch</c> ahead of the one the consumer waits for, which bounds the memory.
/// </summary>
/// <remarks>Threads of its own, not the pool's: decoding would keep the pool from everything else in the process.</remarks>
internal sealed class EpochRun : IDisposable
{
    private readonly object _lock = new();
    private readonly ImageDataset _data;
    private readonly ImagePipeline _pipeline;
    private readonly ImageLoaderOptions _options;
    private readonly int[] _order;
    private readonly int _epoch, _images;
    private readonly CancellationToken _ct;
    private readonly CancellationTokenRegistration _onCancel;
    private readonly Action<EpochRun> _ended;
    private readonly Dictionary<int, BatchBuffer> _batches = [];
    private readonly Thread[] _threads;
    private int _next, _wanted;
    private readonly bool _ownsImages;
    private bool _stop;
    private Exception? _broken;

    public EpochRun(
        ImageDataset data,
        ImagePipeline pipeline,
        ImageLoaderOptions options,
        int[] order,
        int epoch,
        int first,
        int batches,
        Action<EpochRun> ended,
        CancellationToken cancellationToken)
    {
        (_data, _pipeline, _options, _order, _epoch, _ct, _ended) = (data, pipeline, options, order, epoch, cancellationToken, ended);
        _images = (int)Math.Min(order.Length, (long)batches * options.BatchSize);
        (_next, _wanted) = (first * options.BatchSize, first);
        // Images that somebody else made, or may still hold, are left to the collector.
        _ownsImages = pipeline.KeepsNothing && (options.Read is null || PixelCache.IsRead(options.Read));
        _onCancel = cancellationToken.Register(Stop);
        _threads = new Thread[Math.Min(options.Threads == 0 ? Environment.ProcessorCount : options.Threads, _images)];
        try
        {
            for (var i = 0; i < _threads.Length; i++)
            {
                _threads[i] = new Thread(Work) { IsBackground = true, Name = $"MedPeft image loader {i}" };
                _threads[i].Start();
            }
        }
        catch
        {
            // A machine out of threads: those that run must not wait for ever.
            Stop();
            throw;
        }
    }

    /// <summary>Waits for a batch.</summary>
    /// <param name="batch">Its number; one call for each, in order.</param>
    /// <param name="onSkipped">Receives the bad images that are to be skipped.</param>
    /// <returns>The batch, or null if all its images were skipped.</returns>
    public ImageBatch? Take(int batch, Action<int, ImageException> onSkipped)
    {
        BatchBuffer? buffer;
        lock (_lock)
        {
            _wanted = batch;
            Monitor.PulseAll(_lock);
            while (!(_batches.TryGetValue(batch, out buffer) && buffer.Left == 0) && !_stop && _broken is null) Monitor.Wait(_lock);
            _ct.ThrowIfCancellationRequested();
            if (_broken is not null) ExceptionDispatchInfo.Throw(_broken);
            ObjectDisposedException.ThrowIf(_stop, typeof(ImageLoader));
            _batches.Remove(batch);
        }

        using (buffer!) return buffer!.Finish(_options.OnBadImage.Limit > 0 ? onSkipped : static (_, problem) => ExceptionDispatchInfo.Throw(problem));
    }

    /// <summary>Stops the threads, waits for the images they are at, and frees the batches that nobody took.</summary>
    public void Dispose()
    {
        Stop();
        // Not under the lock: a cancellationToken that runs at this moment needs it.
        _onCancel.Dispose();
        foreach (var thread in _threads)
            if (thread != Thread.CurrentThread) thread.Join();
        lock (_lock)
        {
            foreach (var batch in _batches.Values) batch.Dispose();
            _batches.Clear();
        }

        _ended(this);
    }

    private void Stop()
    {
        lock (_lock)
        {
            _stop = true;
            Monitor.PulseAll(_lock);
        }
    }

    private void Work()
    {
        try
        {
            while (Begin() is { } place)
            {
                var problem = Load(place.Batch, place.Position, place.Index);
                lock (_lock)
                {
                    if (problem is not null) place.Batch.Fail(place.Position, problem);
                    if (--place.Batch.Left == 0) Monitor.PulseAll(_lock);
                }
            }
        }
        catch (Exception e)
        {
            // No memory for a batch, or a damaged cache: no image's fault. The consumer gets it instead of the process.
            lock (_lock)
            {
                _broken ??= e;
                _stop = true;
                Monitor.PulseAll(_lock);
            }
        }
    }

    private (BatchBuffer Batch, int Position, int Index)? Begin()
    {
        lock (_lock)
        {
            while (!_stop && _next < _images && _next / _options.BatchSize > _wanted + (long)_options.Prefetch) Monitor.Wait(_lock);
            if (_stop || _next >= _images) return null;
            var (batch, position) = Math.DivRem(_next, _options.BatchSize);
            if (position == 0)
            {
                var size = Math.Min(_options.BatchSize, _images - _next);
                _batches.Add(batch, new BatchBuffer(_data, _pipeline, _order[_next..(_next + size)]));
            }

            return (_batches[batch], position, _order[_next++]);
        }
    }

    private ImageException? Load(BatchBuffer batch, int position, int index)
    {
        var record = _data[index];
        try
        {
            var image = _options.Read is { } read ? read(record) : record.Decode();
            var random = SampleRandom.For(_options.Seed, _epoch, index);
            _pipeline.Run(image, ref random, batch[position]);
            if (_ownsImages) PixelBuffers.GiveBack(image);
            return null;
        }
        catch (ImageException e)
        {
            return e;
        }
        catch (Exception e) when (e is not (OutOfMemoryException or DatasetException))
        {
            return new ImageException(record.Path, $"cannot be prepared: {e.Message}", e);
        }
    }
}

using MedPeft.Lora.Common;
using MedPeft.Lora.Data.Loading;
using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Data.Caching;

/// <summary>Adds a data set's images to a cache, on many threads, with one writer.</summary>
internal sealed class CacheFilling(
    ImageDataset data, PixelCacheOptions options, CacheIndex index, Func<PixelImage, PixelImage> shrink, IProgress<PixelCacheProgress>? progress)
{
    private const int Often = 64;

    private readonly object _lock = new();
    private readonly SortedDictionary<int, SkippedImage> _skipped = [];
    private readonly HashSet<UInt128> _written = [];
    private int _done, _added, _reused;
    private long _bytes;

    public PixelCacheReport Run(SegmentWriter writer, CancellationToken cancellationToken)
    {
        try
        {
            ManyAtOnce.Run(data.Count, options.Threads, i => One(i, writer), cancellationToken);
        }
        finally
        {
            // Also after an error or a stop: what was decoded is worth keeping. A full disk throws here or before; nothing half-written stays.
            writer.Commit();
        }

        progress?.Report(new PixelCacheProgress(_done, data.Count, _added));
        return new PixelCacheReport(_added, _reused, _bytes, [.. _skipped.Values]);
    }

    private void One(int i, SegmentWriter writer)
    {
        var added = 0L;
        try
        {
            added = Place(data[i], writer);
        }
        catch (ImageException problem)
        {
            Skip(i, problem);
        }

        PixelCacheProgress? report;
        lock (_lock)
        {
            _done++;
            if (added > 0) (_added, _bytes) = (_added + 1, _bytes + added);
            else if (!_skipped.ContainsKey(i)) _reused++;
            report = _done % Often == 0 ? new PixelCacheProgress(_done, data.Count, _added) : null;
        }

        if (report is not null) progress?.Report(report);
    }

    /// <summary>Decodes and resizes; whatever goes wrong names the image.</summary>
    public static PixelImage Prepare(ImageRecord record, Func<ImageRecord, PixelImage> prepare)
    {
        try
        {
            return prepare(record);
        }
        catch (Exception e) when (e is not (ImageException or OutOfMemoryException))
        {
            throw new ImageException(record.Path, $"cannot be prepared: {e.Message}", e);
        }
    }

    // The number of bytes added, 0 if the image was there.
    private long Place(ImageRecord record, SegmentWriter writer)
    {
        if (index.Find(SourceFile.Look(record)) is not null) return 0;
        var source = SourceFile.Read(record, out var bytes);
        bool isThere;
        lock (_lock) isThere = index.Find(source) is not null || !_written.Add(source.Content!.Value);
        if (isThere)
        {
            lock (_lock) writer.Append(source);
            return 0;
        }

        PixelImage image;
        try
        {
            image = Prepare(record, r => options.Decode is { } decode ? shrink(decode(r)) : Shrunk(ImageDecoder.DecodeOwned(bytes, r.Path, null, r.Dicom)));
        }
        catch (ImageException)
        {
            lock (_lock) _written.Remove(source.Content!.Value);
            throw;
        }

        var checksum = Crc32.Compute(image.Pixels);
        lock (_lock) writer.Append(source, (image.Width, image.Height, image.Channels), image.Pixels, checksum);
        return image.Pixels.LongLength;
    }

    private PixelImage Shrunk(PixelImage image)
    {
        var small = shrink(image);
        if (small != image) PixelBuffers.GiveBack(image);
        return small;
    }

    private void Skip(int i, ImageException problem)
    {
        var allowed = options.OnBadImage.Allowed(data.Count);
        lock (_lock)
        {
            if (_skipped.Count < allowed)
            {
                _skipped.Add(i, new SkippedImage(i, problem.Problem));
                return;
            }
        }

        throw allowed == 0
            ? problem
            : new ImageException(
                problem.File,
                $"cannot be read, and {allowed} of {data.Count} images were skipped before it: the limit of {options.OnBadImage}. "
                + $"Its own error: {problem.Problem}",
                problem);
    }
}

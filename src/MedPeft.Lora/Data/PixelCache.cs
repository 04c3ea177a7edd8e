using System.Collections.Concurrent;
using MedPeft.Lora.Data.Caching;
using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Data;

/// <summary>
/// Images decoded and resized once, kept as 8-bit pixels in memory-mapped files: training reads them at the speed of memory, however many there are.
/// </summary>
/// <remarks>
/// An image is known by its content (SHA-256; of a DICOM file with <see cref="ImageRecord.Dicom"/>, so one file may be kept in several renderings), so it is found again under another path, and by its path, length and time, so that finding it
/// does not read it. Files of the cache are written beside and renamed when whole, and never changed: processes may share the folder, and a
/// crash leaves nothing half-written. Each image's checksum is verified when a process first reads it. The folder holds hashes, not paths.
/// A crop of a kept image is a crop of the resized image: close to, but not bit for bit, what the original gives.
/// </remarks>
/// <example>
/// <code>
/// using var cache = PixelCache.Open("cache");
/// cache.Add(train);
/// using var loader = new ImageLoader(train, pipeline, new ImageLoaderOptions { Read = cache.Read });
/// </code>
/// </example>
public sealed class PixelCache : IDisposable
{
    private readonly PixelCacheOptions _options;
    private readonly string _folder;
    private readonly Resize _resize;
    private readonly ConcurrentDictionary<(string Path, DicomOptions? Dicom), CachedImage> _resolved = new();
    private readonly object _adding = new();
    private CacheIndex _index;
    private long _misses;
    private bool _disposed;

    private PixelCache(string folder, PixelCacheOptions options)
    {
        (_folder, _options, _resize) = (folder, options, new Resize(options.ShortSide));
        _index = CacheIndex.Empty(folder, CacheFormat.Pixels, options.Key).Refreshed();
    }

    /// <summary>Opens a cache; the folder is made if it does not exist.</summary>
    /// <param name="folder">Where it lies; a fast local disk.</param>
    /// <param name="options">The size of the images and the rest; the defaults if null.</param>
    /// <exception cref="DatasetException">A file of the cache is damaged, or the folder cannot be used.</exception>
    public static PixelCache Open(string folder, PixelCacheOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        options ??= new PixelCacheOptions();
        if (options.Decode is not null && options.Version.Length == 0)
            throw new ArgumentException(
                "PixelCacheOptions.Decode is given without a Version. Name what it does, and change the name whenever it does something else.",
                nameof(options));
        return CacheFolder.Open(folder, full => new PixelCache(full, options));
    }

    /// <summary>The number of different images in the cache.</summary>
    public int Count => _index.Count;

    /// <summary>Bytes of its pixels.</summary>
    public long Bytes => _index.Bytes;

    /// <summary>Reads that found nothing in the cache and decoded the file instead.</summary>
    public long Misses => Interlocked.Read(ref _misses);

    /// <summary>Adds the images of a data set that are not there yet, on all cores. What is finished stays, also if it is stopped.</summary>
    /// <param name="data">The images.</param>
    /// <param name="progress">Told from time to time, and at the end.</param>
    /// <param name="cancellationToken">Stops between images.</param>
    /// <returns>What was done.</returns>
    /// <exception cref="ImageException">An image cannot be read, and <see cref="PixelCacheOptions.OnBadImage"/> does not skip it.</exception>
    /// <exception cref="DatasetException">The cache cannot be written: no space, no permission.</exception>
    public PixelCacheReport Add(ImageDataset data, IProgress<PixelCacheProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        ObjectDisposedException.ThrowIf(_disposed, this);
        lock (_adding) return CacheFolder.Write(_folder, "add again", Fill, cancellationToken);

        PixelCacheReport Fill()
        {
            _index = _index.Refreshed();
            var filling = new CacheFilling(data, _options, _index, Shrink, progress);
            try
            {
                using var writer = new SegmentWriter(_folder, CacheFormat.Pixels, _options.Key, _options.FileBytes);
                return filling.Run(writer, cancellationToken);
            }
            finally
            {
                _index = _index.Refreshed();
            }
        }
    }

    /// <summary>An image's pixels, resized: from the cache, or decoded if it is not there or its file has changed. Safe on many threads.</summary>
    /// <param name="record">The image.</param>
    /// <exception cref="ImageException">The image is not in the cache and cannot be read.</exception>
    /// <exception cref="DatasetException">The cache is damaged.</exception>
    public PixelImage Read(ImageRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_resolved.TryGetValue((record.Path, record.Dicom), out var known)) return known.Read();
        var index = _index;
        var file = SourceFile.Look(record);
        var found = index.Find(file);
        if (found is null && file.Exists) found = index.Find(SourceFile.Read(record, out _));
        if (found is null)
        {
            Interlocked.Increment(ref _misses);
            return CacheFilling.Prepare(record, r => Shrink(_options.Decode is { } decode ? decode(r) : r.Decode()));
        }

        _resolved.TryAdd((record.Path, record.Dicom), found);
        return found.Read();
    }

    /// <summary>Whether a way to read is a cache's own, whose images nobody else holds.</summary>
    internal static bool IsRead(Func<ImageRecord, PixelImage> read)
        => read.Target is PixelCache { _options.Decode: null } cache && read == cache.Read;

    /// <summary>All that decides the pixels a cache's own way to read gives, as text; null for any other way.</summary>
    internal static string? KeyOf(Func<ImageRecord, PixelImage> read) => read.Target is PixelCache cache && read == cache.Read ? cache._options.Key : null;

    /// <summary>Lets go of the files; they stay.</summary>
    public void Dispose()
    {
        lock (_adding)
        {
            if (_disposed) return;
            _disposed = true;
            _index.Dispose();
        }
    }

    private PixelImage Shrink(PixelImage image)
    {
        if (Math.Min(image.Width, image.Height) <= _options.ShortSide) return image;
        var random = default(SampleRandom);
        return _resize.Apply(image, ref random);
    }
}

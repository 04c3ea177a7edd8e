using System.Diagnostics;
using MedPeft.Lora.Common;
using MedPeft.Lora.Data;
using MedPeft.Lora.Data.Caching;
using MedPeft.Lora.Data.Loading;
using MedPeft.Lora.Imaging;
using static TorchSharp.torch;

namespace MedPeft.Lora.Training;

/// <summary>Finds a data set's images in a cache of tokens and computes those that are not there.</summary>
/// <param name="prefix">What computes them.</param>
/// <param name="cache">Where they go.</param>
/// <param name="landmark">What is kept for <see cref="FrozenPrefix.Landmark"/>.</param>
/// <param name="data">The images.</param>
/// <param name="loader">Keeps count of images that cannot be read.</param>
/// <param name="options">How images are read.</param>
/// <param name="device">Where the model is.</param>
internal sealed class PrefixFilling(
    FrozenPrefix prefix, TokenCache cache, byte[] landmark, ImageDataset data, ImageLoader loader, TrainingOptions options, Device device)
{
    private readonly SourceFile[] _sources = new SourceFile[data.Count];
    private readonly Dictionary<UInt128, string> _bad = [];

    /// <summary>Images computed.</summary>
    public int Computed { get; private set; }

    /// <summary>Computes what is missing.</summary>
    /// <param name="report">Told of images done, images to do, and images per second.</param>
    /// <param name="cancellationToken">Stops between images; what is finished stays.</param>
    /// <returns>Where each image's tokens are; null for one that cannot be read.</returns>
    /// <exception cref="ImageException">An image cannot be read, and the options do not skip it.</exception>
    public CachedImage?[] Run(Action<int, int, double> report, CancellationToken cancellationToken)
    {
        ManyAtOnce.Run(data.Count, options.LoaderThreads, i => _sources[i] = Identify(data[i]), cancellationToken);
        if (cache.Find(FrozenPrefix.Landmark) is null || _sources.Any(source => source.Content is not null || cache.Find(source) is null))
            cache.Fill(writer => Fill(writer, report, cancellationToken), cancellationToken);
        CachedImage?[] found = [.. _sources.Select(cache.Find)];
        // Other files with the bytes of one that cannot be read.
        for (var i = 0; i < found.Length; i++)
            if (found[i] is null && _sources[i].Content is { } content && _bad.TryGetValue(content, out var problem)) loader.Record(i, new ImageException(data[i].Path, problem));
        return found;
    }

    // Reads the file only where its path, length and time are not known.
    private SourceFile Identify(ImageRecord record)
    {
        var file = SourceFile.Look(record);
        if (cache.Find(file) is not null || !file.Exists) return file;
        try
        {
            return SourceFile.Read(record, out _);
        }
        catch (ImageException)
        {
            return file; // computing it fails in the same way, and there the options say what follows
        }
    }

    private void Fill(SegmentWriter writer, Action<int, int, double> report, CancellationToken cancellationToken)
    {
        if (cache.Find(FrozenPrefix.Landmark) is null) writer.Append(FrozenPrefix.Landmark, cache.Size, landmark, Crc32.Compute(landmark));
        var (missing, taken) = (new List<int>(), new HashSet<UInt128>());
        for (var i = 0; i < _sources.Length; i++)
            if (cache.Find(_sources[i]) is null && (_sources[i].Content is not { } content || taken.Add(content))) missing.Add(i);
        if (missing.Count > 0) Compute(missing, writer, report, cancellationToken);
        // Files whose bytes another file has, or has had: they are found without being read from now on.
        foreach (var i in Enumerable.Range(0, _sources.Length).Except(missing))
            if (_sources[i].Content is { } content && !_bad.ContainsKey(content)) writer.Append(_sources[i]);
    }

    private void Compute(List<int> missing, SegmentWriter writer, Action<int, int, double> report, CancellationToken cancellationToken)
    {
        var pipeline = new FixedPipeline(options.Training);
        using var images = new ImageLoader(data.Subset(missing), pipeline.Watched, new ImageLoaderOptions
        {
            BatchSize = Math.Min(prefix.Cache.FillBatchSize, missing.Count),
            Threads = options.LoaderThreads,
            Prefetch = 8,
            OnBadImage = options.OnBadImage.Limit > 0 ? OnBadImage.SkipAndRecord(1) : OnBadImage.Raise, // the limit holds for the whole set
            Read = options.Read is { } read ? record => read(record) : record => record.Decode(), // a foreign step, which is wrapped here, may keep the image
        });
        var (clock, skipped) = (Stopwatch.StartNew(), new HashSet<int>());
        foreach (var batch in images.Epoch(0, cancellationToken))
        {
            using var owned = batch;
            using var scope = NewDisposeScope();
            pipeline.Demand();
            Skip();
            var tokens = prefix.Tokens(batch.Images.to(device));
            for (var row = 0; row < batch.Count; row++) Keep(missing[batch.Indices[row]], tokens[row], writer);
            report(Computed, missing.Count - skipped.Count, Computed / clock.Elapsed.TotalSeconds);
        }

        Skip();

        void Skip()
        {
            foreach (var image in images.Skipped)
            {
                if (!skipped.Add(image.Index)) continue;
                var index = missing[image.Index];
                if (_sources[index].Content is { } content) _bad[content] = image.Problem;
                loader.Record(index, new ImageException(data[index].Path, image.Problem));
            }
        }
    }

    private void Keep(int index, Tensor tokens, SegmentWriter writer)
    {
        var (record, source) = (data[index], _sources[index]);
        if (source.Content is null)
            throw new ImageException(record.Path, "is no file, so that nothing tells whether what is kept for the image still holds. Set FrozenPrefixCache to null where Read takes images from elsewhere.");
        if (SourceFile.Look(record) != source with { Content = null })
            throw new ImageException(record.Path, "changed while it was read. Start again when nothing writes to it.");
        var bytes = tokens.bytes;
        writer.Append(source, cache.Size, bytes, Crc32.Compute(bytes));
        Computed++;
    }
}

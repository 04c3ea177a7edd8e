using MedPeft.Lora.Data;
using MedPeft.Samples.Phantoms;
using SkiaSharp;

namespace MedPeft.Lora.Benchmarks;

/// <summary>The same made-up radiographs in every format, and caches of them.</summary>
internal sealed class ImageFiles
{
    private readonly string _folder;

    /// <summary>Draws pictures and writes them as PNG (unfiltered as the NIH ships them, and filtered), JPEG and DICOM.</summary>
    public ImageFiles(string folder, int count, int size)
    {
        _folder = Directory.CreateDirectory(folder).FullName;
        var visits = Cohort.Draw(new CohortOptions { Images = count, PrevalenceScale = 2 });
        Parallel.For(0, count, i =>
        {
            var pixels = ThoraxPhantom.Draw(visits[i].Case, size);
            Png($"plain{i}.png", pixels, size, SKPngEncoderFilterFlags.NoFilters);
            Png($"filtered{i}.png", pixels, size, SKPngEncoderFilterFlags.AllFilters);
            using (var image = Wrap(pixels, size))
            using (var jpeg = image.Encode(SKEncodedImageFormat.Jpeg, 90))
                File.WriteAllBytes(In($"photo{i}.jpg"), jpeg.ToArray());
            PhantomDicom.Write(In($"jpeg{i}.dcm"), pixels, size, visits[i].Case, Guid.NewGuid(), 90);
            PhantomDicom.Write(In($"plain{i}.dcm"), pixels, size, visits[i].Case, Guid.NewGuid(), null);
        });
        Count = count;
    }

    /// <summary>Pictures of each kind.</summary>
    public int Count { get; }

    /// <summary>The files of a kind, such as "plain{0}.png".</summary>
    public ImageDataset Set(string pattern) => new(pattern, ["none"], Enumerable.Range(0, Count).Select(i => new ImageRecord
    {
        Path = In(pattern.Replace("{0}", i.ToString(System.Globalization.CultureInfo.InvariantCulture), StringComparison.Ordinal)), Labels = [0],
    }));

    /// <summary>The paths of a kind, one a line, in a file.</summary>
    public string Listing(string pattern)
    {
        var path = In("listing-" + pattern.Replace("{0}", "", StringComparison.Ordinal) + ".txt");
        File.WriteAllText(path, string.Join('\n', Set(pattern).Select(r => r.Path)));
        return path;
    }

    /// <summary>A cache of the PNG files, and the same images as PNG files of that size for the peer.</summary>
    public (PixelCache Cache, string Pattern) Cache(int shortSide)
    {
        var cache = PixelCache.Open(In("cache"), new PixelCacheOptions { ShortSide = shortSide });
        var set = Set("plain{0}.png");
        cache.Add(set);
        for (var i = 0; i < set.Count; i++)
        {
            var image = cache.Read(set[i]);
            Png($"kept{shortSide}-{i}.png", image.Pixels, image.Width, SKPngEncoderFilterFlags.NoFilters);
        }

        return (cache, $"kept{shortSide}-{{0}}.png");
    }

    private void Png(string name, byte[] pixels, int size, SKPngEncoderFilterFlags filters)
    {
        using var image = Wrap(pixels, size);
        using var data = image.PeekPixels().Encode(new SKPngEncoderOptions(filters, 6));
        File.WriteAllBytes(In(name), data!.ToArray());
    }

    private string In(string name) => Path.Join(_folder, name);

    private static SKImage Wrap(byte[] pixels, int size)
        => SKImage.FromPixelCopy(new SKImageInfo(size, size, SKColorType.Gray8, SKAlphaType.Opaque), pixels, size);
}

using MedPeft.Lora.Data;
using MedPeft.Lora.Imaging;
using MedPeft.Lora.Tests.Imaging;
using MedPeft.Lora.Tests.Imaging.Dicom.Writers;

namespace MedPeft.Lora.Tests.Data;

public sealed class PixelCacheTests : IDisposable
{
    private static readonly PixelCacheOptions Small = new() { ShortSide = 20, FileBytes = 3000 };

    private readonly TempFolder _folder = new();
    private readonly ImageDataset _data;
    private readonly string _cache;

    public PixelCacheTests()
    {
        _cache = _folder.In("cache");
        _data = Set(
        [
            .. Enumerable.Range(0, 12).Select(i => _folder.Image($"{i}.png", 24 + i, 30, (ulong)i)),
            _folder.Write("rgb.png", TestImages.Png(TestImages.Noise(40, 44, 3))),
        ]);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Images_come_back_as_decoding_and_resizing_would_give_them()
    {
        using var cache = PixelCache.Open(_cache, Small);
        var report = cache.Add(_data);
        Assert.Equal((13, 0, cache.Bytes), (report.Added, report.Reused, report.AddedBytes));
        Assert.All(_data, r => Same(Fresh(r), cache.Read(r)));
        Assert.Equal((13, 0), (cache.Count, cache.Misses));
        Assert.True(Directory.GetFiles(_cache, "*.pixels").Length > 1);
        Assert.Equal($"13 images added ({Invariant(cache.Bytes)} bytes), 0 were there", report.ToString());
    }

    [Fact]
    public void A_later_process_finds_everything_and_adds_only_what_is_new()
    {
        using (var cache = PixelCache.Open(_cache, Small)) cache.Add(_data.Take(5));
        using var again = PixelCache.Open(_cache, Small);
        Assert.Equal(5, again.Count);
        Assert.Equal((8, 5), (again.Add(_data).Added, again.Add(_data).Reused - 8));
        Assert.All(_data, r => Same(Fresh(r), again.Read(r)));
        Assert.Equal(0, again.Misses);
    }

    [Fact]
    public void Renderings_of_a_dicom_file_are_kept_apart_and_other_files_once()
    {
        var window = new DicomOptions { Windowing = DicomWindowing.Percentile };
        var noise = TestImages.Noise(26, 24, 1);
        var files = Set(_folder.Write("a.dcm", DicomWriter.Image(26, 24, 8, 8, noise.Pixels).ToArray()), _data[0].Path);
        using (var cache = PixelCache.Open(_cache, Small))
        {
            Assert.Equal((2, 0), Counted(cache.Add(files)));
            Assert.Equal((1, 1), Counted(cache.Add(files.WithDicom(window with { LowPercentile = 20 }))));
            Assert.Equal((0, 2), Counted(cache.Add(files.WithDicom(DicomOptions.Default))));
            Assert.Equal(3, cache.Count);
        }

        using var again = PixelCache.Open(_cache, Small);
        foreach (var data in new[] { files, files.WithDicom(window with { LowPercentile = 20 }), files.WithDicom(window with { LowPercentile = 30 }) })
            Assert.All(data, r => Same(Fresh(r), again.Read(r)));
        Assert.Equal(1, again.Misses);
        Assert.NotEqual(again.Read(files[0]).Pixels, again.Read(files.WithDicom(window with { LowPercentile = 20 })[0]).Pixels);

        static (int Added, int Reused) Counted(PixelCacheReport report) => (report.Added, report.Reused);
    }

    [Fact]
    public void An_image_at_which_a_decoder_of_ones_own_fails_is_named()
    {
        var options = new PixelCacheOptions { ShortSide = 20, Decode = _ => throw new InvalidOperationException("No such slide."), Version = "slides 1" };
        using var cache = PixelCache.Open(_cache, options);
        var error = Assert.Throws<ImageException>(() => cache.Read(_data[0]));
        Assert.Equal($"'{_data[0].Path}' cannot be prepared: No such slide.", error.Message);
        Assert.Equal(error.Message, Assert.Throws<ImageException>(() => cache.Add(_data)).Message);
    }

    [Fact]
    public void Images_smaller_than_the_short_side_stay_as_they_are()
    {
        using var cache = PixelCache.Open(_cache, new PixelCacheOptions { ShortSide = 100 });
        cache.Add(_data);
        Same(ImageDecoder.Decode(_data[3].Path), cache.Read(_data[3]));
    }

    [Fact]
    public void Training_reads_the_same_bytes_through_the_cache_as_from_resized_images()
    {
        using var cache = PixelCache.Open(_cache, Small);
        cache.Add(_data);
        var pipeline = ImagePipeline.Train(16, Normalization.Mrm);
        using var fromCache = new ImageLoader(_data, pipeline, new ImageLoaderOptions { BatchSize = 13, Shuffle = true, Read = cache.Read });
        using var fromFiles = new ImageLoader(_data, pipeline, new ImageLoaderOptions { BatchSize = 13, Shuffle = true, Read = Fresh });
        using var a = fromCache.Epoch(0).First();
        using var b = fromFiles.Epoch(0).First();
        Assert.Equal(b.Images.data<float>().ToArray(), a.Images.data<float>().ToArray());
        Assert.Equal(0, cache.Misses);
    }

    [Fact]
    public void An_image_is_known_by_its_content_under_another_path()
    {
        using var cache = PixelCache.Open(_cache, Small);
        cache.Add(_data);
        var moved = Set(_folder.Write("elsewhere/a.png", File.ReadAllBytes(_data[4].Path)));
        Same(Fresh(_data[4]), cache.Read(moved[0]));
        Assert.Equal(0, cache.Misses);
        Assert.Equal((0, 1), (cache.Add(moved).Added, cache.Add(moved).Reused));
        Assert.Equal(13, cache.Count);
    }

    [Fact]
    public void A_file_that_changes_is_decoded_anew_and_one_that_goes_is_still_served()
    {
        var old = Fresh(_data[0]);
        using (var cache = PixelCache.Open(_cache, Small)) cache.Add(_data);
        File.WriteAllBytes(_data[1].Path, TestImages.Png(TestImages.Noise(60, 50, 1, 99)));
        File.SetLastWriteTimeUtc(_data[1].Path, DateTime.UtcNow.AddMinutes(1));
        File.Delete(_data[0].Path);
        using var later = PixelCache.Open(_cache, Small);
        Same(old, later.Read(_data[0]));
        Same(Fresh(_data[1]), later.Read(_data[1]));
        Assert.Equal(1, later.Misses);
        Assert.Equal(1, later.Add(_data).Added);
        Same(Fresh(_data[1]), later.Read(_data[1]));
        Assert.Equal(1, later.Misses);
    }

    [Fact]
    public void Other_choices_share_the_folder_without_meeting()
    {
        using var small = PixelCache.Open(_cache, Small);
        using var smaller = PixelCache.Open(_cache, Small with { ShortSide = 10 });
        using var inverted = PixelCache.Open(_cache, Small with { Decode = Negative, Version = "negative" });
        small.Add(_data);
        Assert.Equal(13, smaller.Add(_data).Added);
        Assert.Equal(13, inverted.Add(_data).Added);
        Assert.Equal(20, Math.Min(small.Read(_data[2]).Width, small.Read(_data[2]).Height));
        Assert.Equal(10, Math.Min(smaller.Read(_data[2]).Width, smaller.Read(_data[2]).Height));
        Assert.NotEqual(small.Read(_data[2]).Pixels, inverted.Read(_data[2]).Pixels);
        Assert.Equal(
            "PixelCacheOptions.Decode is given without a Version. Name what it does, and change the name whenever it does something else. (Parameter 'options')",
            Assert.Throws<ArgumentException>(() => PixelCache.Open(_cache, Small with { Decode = Negative })).Message);

        static PixelImage Negative(ImageRecord record)
        {
            var image = ImageDecoder.Decode(record.Path);
            return new PixelImage(image.Width, image.Height, image.Channels, Array.ConvertAll(image.Pixels, p => (byte)(255 - p)));
        }
    }

    [Fact]
    public void Several_at_once_add_each_image_once()
    {
        using var first = PixelCache.Open(_cache, Small);
        using var second = PixelCache.Open(_cache, Small);
        var reports = new PixelCacheReport[2];
        Thread[] threads = [new(() => reports[0] = first.Add(_data)), new(() => reports[1] = second.Add(_data))];
        foreach (var thread in threads) thread.Start();
        foreach (var thread in threads) thread.Join();
        Assert.Equal((13, 13), (reports.Sum(r => r.Added), reports.Sum(r => r.Reused)));
        Assert.All(_data, r => Same(first.Read(r), second.Read(r)));
    }

    [Fact]
    public void What_was_finished_before_a_stop_or_an_error_is_kept()
    {
        using var source = new CancellationTokenSource();
        var decoded = 0;
        using (var cache = PixelCache.Open(_cache, Small with { Threads = 1, Decode = Stopping, Version = "v" }))
        {
            Assert.Throws<OperationCanceledException>(() => cache.Add(_data, cancellationToken: source.Token));
            Assert.Equal(4, cache.Count);
        }

        File.WriteAllText(_data[9].Path, "no image");
        decoded = 100;
        using var later = PixelCache.Open(_cache, Small with { Threads = 1, Decode = Stopping, Version = "v" });
        Assert.Equal(_data[9].Path, Assert.Throws<ImageException>(() => later.Add(_data)).File);
        Assert.Equal(9, later.Count);

        PixelImage Stopping(ImageRecord record)
        {
            if (++decoded == 4) source.Cancel();
            return ImageDecoder.Decode(record.Path);
        }
    }

    [Fact]
    public void Bad_images_are_skipped_within_the_limit()
    {
        File.WriteAllText(_data[3].Path, "no image");
        File.Delete(_data[8].Path);
        using var cache = PixelCache.Open(_cache, Small with { OnBadImage = OnBadImage.SkipAndRecord(.2) });
        var report = cache.Add(_data);
        Assert.Equal((11, 0), (report.Added, report.Reused));
        Assert.Equal([3, 8], report.Skipped.Select(s => s.Index));
        Assert.EndsWith(", 2 skipped", report.ToString(), StringComparison.Ordinal);
        using var strict = PixelCache.Open(_folder.In("other"), Small with { Threads = 1, OnBadImage = OnBadImage.SkipAndRecord(.1) });
        Assert.StartsWith(
            $"'{_data[8].Path}' cannot be read, and 1 of 13 images were skipped before it: the limit of SkipAndRecord(0.1).",
            Assert.Throws<ImageException>(() => strict.Add(_data)).Message,
            StringComparison.Ordinal);
        Assert.Throws<ImageException>(() => cache.Read(_data[3]));
    }

    [Fact]
    public void A_crash_leaves_nothing_that_is_taken_for_an_image()
    {
        using (var cache = PixelCache.Open(_cache, Small)) cache.Add(_data.Take(4));
        var leftover = _folder.Write("cache/0123.unfinished", new byte[500]);
        using var later = PixelCache.Open(_cache, Small);
        Assert.Equal(4, later.Count);
        later.Add(_data);
        Assert.False(File.Exists(leftover));
        Assert.Equal(13, later.Count);
    }

    [Fact]
    public void Every_flipped_or_missing_byte_is_noticed_or_harmless()
    {
        var data = _data.Take(2);
        var options = Small with { FileBytes = 1 << 20 };
        using (var cache = PixelCache.Open(_cache, options)) cache.Add(data);
        var file = Directory.GetFiles(_cache, "*.pixels").Single();
        var whole = File.ReadAllBytes(file);
        PixelImage[] expected = [.. data.Select(Fresh)];
        for (var at = 0; at < whole.Length; at += 1 + at % 7)
        {
            var bytes = (byte[])whole.Clone();
            bytes[at] ^= (byte)(1 << (at % 8));
            Check(bytes);
        }

        for (var length = 0; length < whole.Length; length += 1 + length % 13) Check(whole[..length]);

        void Check(byte[] bytes)
        {
            File.Delete(file);
            File.WriteAllBytes(file, bytes);
            try
            {
                using var cache = PixelCache.Open(_cache, options);
                for (var i = 0; i < 2; i++) Same(expected[i], cache.Read(data[i]));
            }
            catch (DatasetException e)
            {
                Assert.StartsWith($"'{file}' is a damaged file of the pixel cache: ", e.Message, StringComparison.Ordinal);
                Assert.EndsWith(". Delete it; its images are decoded again when they are next added.", e.Message, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void A_loader_passes_on_that_the_cache_is_damaged()
    {
        using (var cache = PixelCache.Open(_cache, Small with { FileBytes = 1 << 20 })) cache.Add(_data);
        var file = Directory.GetFiles(_cache, "*.pixels").Single();
        var bytes = File.ReadAllBytes(file);
        bytes[200] ^= 1;
        File.Delete(file);
        File.WriteAllBytes(file, bytes);
        using var damaged = PixelCache.Open(_cache, Small with { FileBytes = 1 << 20 });
        using var loader = new ImageLoader(_data, ImagePipeline.Evaluate(16, Normalization.None), new ImageLoaderOptions { Read = damaged.Read });
        Assert.Equal(file, Assert.Throws<DatasetException>(() => loader.Epoch(0).First()).File);
    }

    [Fact]
    public void Progress_ends_at_the_total()
    {
        using var cache = PixelCache.Open(_cache, Small);
        var told = new List<PixelCacheProgress>();
        cache.Add(_data, new Told(told));
        Assert.Equal(new PixelCacheProgress(13, 13, 13), told[^1]);
    }

    [Fact]
    public void No_path_is_written_into_the_folder()
    {
        using (var cache = PixelCache.Open(_cache, Small)) cache.Add(_data);
        foreach (var file in Directory.GetFiles(_cache))
            Assert.DoesNotContain(_folder.Path, System.Text.Encoding.Latin1.GetString(File.ReadAllBytes(file)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_that_cannot_be_used_is_named()
    {
        var file = _folder.Write("file", "");
        Assert.StartsWith($"'{file}' cannot hold a cache: ", Assert.Throws<DatasetException>(() => PixelCache.Open(file)).Message, StringComparison.Ordinal);
        var cache = PixelCache.Open(_cache, Small);
        cache.Dispose();
        cache.Dispose();
        Assert.Throws<ObjectDisposedException>(() => cache.Read(_data[0]));
        Assert.Throws<ObjectDisposedException>(() => cache.Add(_data));
    }

    private static PixelImage Fresh(ImageRecord record)
    {
        var random = default(SampleRandom);
        return new Resize(20).Apply(record.Decode(), ref random);
    }

    private static void Same(PixelImage expected, PixelImage actual)
    {
        Assert.Equal((expected.Width, expected.Height, expected.Channels), (actual.Width, actual.Height, actual.Channels));
        Assert.True(expected.Pixels.AsSpan().SequenceEqual(actual.Pixels));
    }

    private static string Invariant(long value) => value.ToString("N0", System.Globalization.CultureInfo.InvariantCulture);

    private static ImageDataset Set(params string[] paths) => new("set", ["L"], paths.Select(p => new ImageRecord { Path = p, Labels = [0] }));

    private sealed class Told(List<PixelCacheProgress> told) : IProgress<PixelCacheProgress>
    {
        public void Report(PixelCacheProgress value) => told.Add(value);
    }
}

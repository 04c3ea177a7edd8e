using System.Runtime.InteropServices;
using FsCheck;
using FsCheck.Fluent;
using MedPeft.Lora.Data;
using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Tests.Data;

public sealed class ImageLoaderTests : IDisposable
{
    private const int Images = 23;

    private static readonly ImagePipeline Pipeline = ImagePipeline.Train(16, Normalization.Mrm);
    private static readonly ImagePipeline Evaluation16 = new([new Resize(16), new CenterCrop(16)], Normalization.Mrm, 16, 1);
    private static readonly ImagePipeline Evaluation = ImagePipeline.Evaluate(16, Normalization.Mrm);

    private readonly TempFolder _folder = new();
    private readonly ImageDataset _data;

    public ImageLoaderTests()
    {
        _data = new ImageDataset("test", ["index", "odd"], Enumerable.Range(0, Images).Select(i => new ImageRecord
        {
            Path = _folder.Image($"{i}.png", 24 + i, 30, (ulong)i),
            Labels = [i % 3 == 0 ? float.NaN : 1, i % 2],
        }));
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Batches_are_the_same_bytes_for_any_number_of_threads_and_any_prefetch()
    {
        Prop.ForAll(Gen.Choose(1, 9).ToArbitrary(), Gen.Choose(1, 5).ToArbitrary(), Gen.Choose(1, 30).ToArbitrary(), (threads, prefetch, size) =>
        {
            var options = new ImageLoaderOptions { BatchSize = size, Shuffle = size % 2 == 0, DropLast = size <= Images && size % 3 == 0, Seed = 7 };
            var one = Read(options with { Threads = 1, Prefetch = 1 }, 2);
            Assert.Equal(one, Read(options with { Threads = threads, Prefetch = prefetch }, 2));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(25));
    }

    [Fact]
    public void Every_image_comes_once_an_epoch_and_each_epoch_has_its_own_order()
    {
        using var loader = new ImageLoader(_data, Evaluation, new ImageLoaderOptions { BatchSize = 5, Shuffle = true, Seed = 3 });
        var orders = Enumerable.Range(0, 20).Select(e => string.Join(',', Order(loader, e))).ToArray();
        Assert.Equal(20, orders.Distinct().Count());
        Assert.All(orders, o => Assert.Equal(Enumerable.Range(0, Images), o.Split(',').Select(int.Parse).Order()));
        Assert.Equal(orders[4], string.Join(',', Order(loader, 4)));
    }

    [Fact]
    public void Each_place_of_a_shuffled_epoch_gets_each_image_about_equally_often()
    {
        var counts = new int[6, 6];
        for (var epoch = 0; epoch < 6000; epoch++)
        {
            var order = Lora.Data.Loading.EpochOrder.Shuffled(6, 1, epoch);
            for (var place = 0; place < 6; place++) counts[place, order[place]]++;
        }

        // 1,000 expected with a standard deviation of 29.
        Assert.All(counts.Cast<int>(), c => Assert.InRange(c, 850, 1150));
    }

    [Theory]
    [InlineData(5, false, 5, 3)]
    [InlineData(5, true, 4, 5)]
    [InlineData(23, true, 1, 23)]
    [InlineData(64, false, 1, 23)]
    public void The_last_batch_is_smaller_or_dropped(int size, bool dropLast, int batches, int last)
    {
        using var loader = new ImageLoader(_data, Evaluation, new ImageLoaderOptions { BatchSize = size, DropLast = dropLast });
        var sizes = new List<int>();
        foreach (var batch in loader.Epoch(0))
        {
            using (batch) sizes.Add((int)batch.Images.shape[0]);
        }

        Assert.Equal((batches, batches, last), (loader.BatchesPerEpoch, sizes.Count, sizes[^1]));
    }

    [Fact]
    public void Images_and_labels_are_those_of_the_records()
    {
        using var loader = new ImageLoader(_data, Evaluation, new ImageLoaderOptions { BatchSize = 4 });
        using var batch = loader.Epoch(0).First();
        Assert.Equal([0, 1, 2, 3], batch.Indices);
        Assert.Equal([4, 3, 16, 16], batch.Images.shape);
        Assert.Equal([float.NaN, 0, 1, 1, 1, 0, float.NaN, 1], batch.Labels.data<float>().ToArray());
        var expected = new float[3 * 16 * 16];
        var random = default(SampleRandom);
        Evaluation.Run(ImageDecoder.Decode(_data[2].Path), ref random, expected);
        using var image = batch.Images[2].contiguous();
        Assert.Equal(expected, image.data<float>().ToArray());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Memory_that_large_images_share_mixes_none_of_them_up(bool cached)
    {
        var data = new ImageDataset("large", ["none"], Enumerable.Range(0, 9).Select(i => new ImageRecord { Path = _folder.Image($"large{i}.png", 300, 290 + i / 3, (ulong)i), Labels = [0] }));
        using var cache = PixelCache.Open(_folder.In("cache"), new PixelCacheOptions { ShortSide = 300 });
        if (cached) cache.Add(data);
        var kept = new List<PixelImage>();
        foreach (var keeper in new[] { null, new Keeper(kept) })
        {
            var pipeline = new ImagePipeline(keeper is null ? [new Resize(16), new CenterCrop(16)] : [keeper, new Resize(16), new CenterCrop(16)], Normalization.Mrm, 16, 1);
            using var loader = new ImageLoader(data, pipeline, new ImageLoaderOptions { BatchSize = 4, Threads = 1, Read = cached ? cache.Read : null });
            foreach (var batch in loader.Epoch(0))
            {
                using var own = batch;
                var values = own.Images.data<float>().ToArray();
                for (var i = 0; i < own.Count; i++)
                {
                    var (random, expected) = (default(SampleRandom), new float[16 * 16]);
                    Evaluation16.Run(ImageDecoder.Decode(data[own.Indices[i]].Path), ref random, expected);
                    Assert.Equal(expected, values[(i * 256)..((i + 1) * 256)]);
                }
            }
        }

        // A transform that keeps the images it sees keeps them whole.
        Assert.Equal(9, kept.Count);
        for (var i = 0; i < kept.Count; i++) Assert.Equal(ImageDecoder.Decode(data[i].Path).Pixels, kept[i].Pixels);
    }

    [Fact]
    public void Augmentation_differs_between_epochs_and_seeds()
    {
        var options = new ImageLoaderOptions { BatchSize = Images };
        var hashes = new[] { Read(options, 0), Read(options, 1), Read(options with { Seed = 1 }, 0) };
        Assert.Equal(3, hashes.Distinct().Count());
    }

    [Fact]
    public void Batches_belong_to_the_caller_and_no_dispose_scope()
    {
        using var loader = new ImageLoader(_data, Evaluation, new ImageLoaderOptions { BatchSize = 8 });
        ImageBatch first;
        using (torch.NewDisposeScope()) first = loader.Epoch(0).First();
        Assert.False(first.Images.IsInvalid);
        Assert.False(first.Labels.IsInvalid);
        first.Dispose();
        Assert.True(first.Images.IsInvalid);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void Leaving_early_ends_the_threads_and_frees_what_they_made(int threads)
    {
        var made = 0;
        using var loader = new ImageLoader(_data, Evaluation, new ImageLoaderOptions { BatchSize = 2, Threads = threads, Read = Read });
        foreach (var batch in loader.Epoch(0))
        {
            batch.Dispose();
            break;
        }

        var after = Volatile.Read(ref made);
        Assert.InRange(after, 2, 8);
        Assert.Equal(0, Running());
        Assert.Equal(after, Volatile.Read(ref made));

        PixelImage Read(ImageRecord record)
        {
            Interlocked.Increment(ref made);
            Interlocked.Increment(ref s_running);
            try
            {
                return ImageDecoder.Decode(record.Path);
            }
            finally
            {
                Interlocked.Decrement(ref s_running);
            }
        }
    }

    [Fact]
    public void Prefetching_is_bounded()
    {
        var made = 0;
        using var reached = new SemaphoreSlim(0);
        using var loader = new ImageLoader(_data, Evaluation, new ImageLoaderOptions { BatchSize = 2, Threads = 8, Prefetch = 3, Read = Read });
        using var batches = loader.Epoch(0).GetEnumerator();
        Assert.True(batches.MoveNext());
        batches.Current.Dispose();
        for (var i = 0; i < 8; i++) Assert.True(reached.Wait(TimeSpan.FromSeconds(30)));
        // Batch 0 is out, batches 1 to 3 are ahead: eight images and no ninth.
        Assert.False(reached.Wait(50));
        Assert.Equal(8, Volatile.Read(ref made));

        PixelImage Read(ImageRecord record)
        {
            Interlocked.Increment(ref made);
            reached.Release();
            return ImageDecoder.Decode(record.Path);
        }
    }

    [Fact]
    public void A_bad_image_stops_its_own_batch_and_is_named()
    {
        var text = File.ReadAllBytes(_data[13].Path);
        File.WriteAllBytes(_data[13].Path, text[..(text.Length / 2)]);
        File.Delete(_data[14].Path);
        foreach (var threads in new[] { 1, 2, 7 })
        {
            using var loader = new ImageLoader(_data, Evaluation, new ImageLoaderOptions { BatchSize = 5, Threads = threads });
            var batches = 0;
            var error = Assert.Throws<ImageException>(() =>
            {
                foreach (var batch in loader.Epoch(0))
                {
                    batch.Dispose();
                    batches++;
                }
            });
            Assert.Equal((2, _data[13].Path), (batches, error.File));
        }
    }

    [Fact]
    public void Any_other_failure_names_the_image_too()
    {
        var pipeline = new ImagePipeline([new Resize(16)], Normalization.None, 16);
        using var loader = new ImageLoader(_data, pipeline, new ImageLoaderOptions { BatchSize = 4 });
        var error = Assert.Throws<ImageException>(() => loader.Epoch(0).First());
        Assert.Equal($"'{_data[0].Path}' cannot be prepared: {error.InnerException!.Message}", error.Message);
        Assert.IsType<ArgumentException>(error.InnerException);
    }

    [Fact]
    public void Bad_images_are_skipped_and_recorded_within_the_limit()
    {
        foreach (var i in new[] { 3, 4, 5, 11 }) File.WriteAllText(_data[i].Path, "no image");
        string? before = null;
        foreach (var threads in new[] { 1, 5 })
        {
            using var loader = new ImageLoader(
                _data, Evaluation, new ImageLoaderOptions { BatchSize = 3, Threads = threads, OnBadImage = OnBadImage.SkipAndRecord(.2) });
            var order = string.Join(' ', Batches(loader));
            Assert.Equal("0,1,2 6,7,8 9,10 12,13,14 15,16,17 18,19,20 21,22", order);
            Assert.Equal([3, 4, 5, 11], loader.Skipped.Select(s => s.Index));
            Assert.All(loader.Skipped, s => Assert.DoesNotContain(_folder.Path, s.Problem, StringComparison.Ordinal));
            Batches(loader);
            Assert.Equal(4, loader.Skipped.Count);
            Assert.Equal(before ??= order, order);
        }

        using var strict = new ImageLoader(_data, Evaluation, new ImageLoaderOptions { BatchSize = 3, OnBadImage = OnBadImage.SkipAndRecord(.1) });
        var error = Assert.Throws<ImageException>(() => Batches(strict));
        Assert.Equal(_data[5].Path, error.File);
        Assert.StartsWith(
            $"'{_data[5].Path}' cannot be read, and 2 of 23 images were skipped before it: the limit of SkipAndRecord(0.1). Its own error: is no PNG, JPEG "
            + "or DICOM image",
            error.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Cancellation_ends_the_enumeration_and_the_threads()
    {
        using var source = new CancellationTokenSource();
        using var loader = new ImageLoader(_data, Evaluation, new ImageLoaderOptions { BatchSize = 2 });
        var seen = 0;
        var error = Assert.Throws<OperationCanceledException>(() =>
        {
            foreach (var batch in loader.Epoch(0, source.Token))
            {
                batch.Dispose();
                if (++seen == 3) source.Cancel();
            }
        });
        Assert.Equal((3, source.Token), (seen, error.CancellationToken));
        Assert.Throws<OperationCanceledException>(() => loader.Epoch(0, source.Token).First());
    }

    [Fact]
    public void Cancellation_wakes_a_consumer_that_waits()
    {
        using var source = new CancellationTokenSource();
        using var started = new ManualResetEventSlim();
        using var release = new ManualResetEventSlim();
        using var loader = new ImageLoader(_data, Evaluation, new ImageLoaderOptions { BatchSize = 2, Threads = 2, Read = Read });
        var canceller = new Thread(() =>
        {
            started.Wait();
            source.Cancel();
            release.Set();
        });
        canceller.Start();
        Assert.Throws<OperationCanceledException>(() => loader.Epoch(0, source.Token).First());
        canceller.Join();

        PixelImage Read(ImageRecord record)
        {
            started.Set();
            release.Wait();
            return ImageDecoder.Decode(record.Path);
        }
    }

    [Fact]
    public void Disposing_the_loader_ends_open_enumerations()
    {
        var loader = new ImageLoader(_data, Evaluation, new ImageLoaderOptions { BatchSize = 2 });
        var batches = loader.Epoch(0).GetEnumerator();
        Assert.True(batches.MoveNext());
        loader.Dispose();
        Assert.False(batches.Current.Images.IsInvalid);
        batches.Current.Dispose();
        Assert.Throws<ObjectDisposedException>(() => batches.MoveNext());
        batches.Dispose();
        Assert.Throws<ObjectDisposedException>(() => loader.Epoch(0));
    }

    [Fact]
    public void Two_enumerations_at_once_do_not_disturb_each_other()
    {
        using var loader = new ImageLoader(_data, Pipeline, new ImageLoaderOptions { BatchSize = 4, Shuffle = true });
        foreach (var (a, b) in loader.Epoch(1).Zip(loader.Epoch(1)))
        {
            using (a)
            using (b) Assert.Equal(Hash(a), Hash(b));
        }
    }

    [Fact]
    public void Sets_and_sizes_that_make_no_batch_are_refused()
    {
        Assert.Equal(
            "The data set is empty; a loader needs at least one image. Check the list and the filters. (Parameter 'data')",
            Assert.Throws<ArgumentException>(() => new ImageLoader(_data.Take(0), Evaluation)).Message);
        Assert.Equal(
            "23 images make no whole batch of 24, and DropLast leaves out the rest. Lower BatchSize to 23 or less, or keep the last batch. (Parameter 'options')",
            Assert.Throws<ArgumentException>(() => new ImageLoader(_data, Evaluation, new ImageLoaderOptions { BatchSize = 24, DropLast = true })).Message);
        Assert.Equal(
            "A batch of 23 images of 3x4096x4096 takes 4630511616 bytes; at most 2147483647 fit. Lower BatchSize. (Parameter 'options')",
            Assert.Throws<ArgumentException>(
                () => new ImageLoader(_data, ImagePipeline.Evaluate(4096, Normalization.None), new ImageLoaderOptions { BatchSize = 23 })).Message);
        Assert.StartsWith(
            "BatchSize ('0') must be",
            Assert.Throws<ArgumentOutOfRangeException>(() => new ImageLoaderOptions { BatchSize = 0 }).Message,
            StringComparison.Ordinal);
        Assert.Equal(
            "Found 2; a share above 0 and at most 1 fits, such as 0.001. (Parameter 'limit')",
            Assert.Throws<ArgumentOutOfRangeException>(() => OnBadImage.SkipAndRecord(2)).Message);
    }

    private static int s_running;

    private static int Running() => Volatile.Read(ref s_running);

    private static IEnumerable<int> Order(ImageLoader loader, int epoch)
    {
        foreach (var batch in loader.Epoch(epoch))
        {
            using (batch)
                foreach (var index in batch.Indices) yield return index;
        }
    }

    private static List<string> Batches(ImageLoader loader)
    {
        var result = new List<string>();
        foreach (var batch in loader.Epoch(0))
        {
            using (batch)
            {
                Assert.Equal(batch.Count, batch.Images.shape[0]);
                Assert.Equal(batch.Indices.Select(i => (float)(i % 2)), batch.Labels.data<float>().ToArray().Where((_, k) => k % 2 == 1));
                result.Add(string.Join(',', batch.Indices));
            }
        }

        return result;
    }

    private string Read(ImageLoaderOptions options, int epoch)
    {
        using var loader = new ImageLoader(_data, Pipeline, options);
        var hashes = new List<string>();
        foreach (var batch in loader.Epoch(epoch))
        {
            using (batch) hashes.Add(Hash(batch));
        }

        return string.Join(' ', hashes);
    }

    private static string Hash(ImageBatch batch)
    {
        using var hash = System.Security.Cryptography.IncrementalHash.CreateHash(System.Security.Cryptography.HashAlgorithmName.SHA256);
        hash.AppendData(batch.Images.bytes);
        hash.AppendData(batch.Labels.bytes);
        hash.AppendData(MemoryMarshal.AsBytes<int>(batch.Indices.ToArray()));
        return Convert.ToHexString(hash.GetHashAndReset());
    }

    private sealed class Keeper(List<PixelImage> kept) : IImageTransform
    {
        public PixelImage Apply(PixelImage image, ref SampleRandom random)
        {
            kept.Add(image);
            return image;
        }
    }
}

using System.Diagnostics;
using System.Globalization;
using MedPeft.Lora.Common;
using MedPeft.Lora.Data;
using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Benchmarks;

/// <summary>
/// Images a second on one core: decode and resize, and crop and resize from the cache, against Pillow in alternating rounds. Processor time is
/// counted, not the clock, so other work on the machine disturbs little; of each side the median round.
/// </summary>
internal static class ImageRates
{
    private const int Side = 224;
    private const double WarmUp = 2;

    public static int Run(string[] args)
    {
        var (count, rounds) = (Number(args, 0, 24), Number(args, 1, 9));
        var folder = Directory.CreateTempSubdirectory("medpeft-images-").FullName;
        try
        {
            Measure(new ImageFiles(folder, count, 1024), rounds);
            return 0;
        }
        finally
        {
            Directory.Delete(folder, true);
        }
    }

    private static void Measure(ImageFiles files, int rounds)
    {
        var script = Path.Join(AppContext.BaseDirectory, "peer", "pillow_images.py");
        using var peer = ImagePeer.Start(Environment.GetEnvironmentVariable("MEDPEFT_PYTHON") ?? "python3", script);
        Console.WriteLine($"{files.Count} images, {rounds} alternating rounds; peer: {peer?.Name ?? "none (set MEDPEFT_PYTHON to a Python with Pillow)"}");
        Console.WriteLine("| work | images/s per core | Pillow | ratio | same bytes |");
        Console.WriteLine("|---|---:|---:|---:|---|");
        Decoding(files, rounds, peer, "PNG 1024² as the NIH ships it → 224²", "plain{0}.png", "gray");
        Decoding(files, rounds, peer, "the same; Pillow as MED-PEFT calls it (convert('RGB'))", "plain{0}.png", "rgb");
        Decoding(files, rounds, peer, "PNG 1024², filtered → 224²", "filtered{0}.png", "gray");
        Decoding(files, rounds, peer, "JPEG 1024² → 224²", "photo{0}.jpg", "gray");
        Decoding(files, rounds, peer, "DICOM 1024², JPEG → 224²; pydicom", "jpeg{0}.dcm", "dicom");
        Decoding(files, rounds, peer, "DICOM 1024², not compressed → 224²; pydicom", "plain{0}.dcm", "dicom");
        foreach (var shortSide in (int[])[1024, 512, 256]) Cropping(files, rounds, peer, shortSide);
        Loading(files, rounds);
    }

    private static void Decoding(ImageFiles files, int rounds, ImagePeer? peer, string work, string pattern, string what)
    {
        var set = files.Set(pattern).WithDicom(DicomOptions.MedPeftRsna);
        var listing = files.Listing(pattern);
        Report(work, files.Count, rounds, () => Each(set, r => Used(r.Decode(), Whole)), () => peer?.Run(what, Side, listing));

        PixelImage Whole(PixelImage image) => Cut(image, new PixelBox(0, 0, image.Width, image.Height));
    }

    private static void Cropping(ImageFiles files, int rounds, ImagePeer? peer, int shortSide)
    {
        var (cache, pattern) = files.Cache(shortSide);
        using (cache)
        {
            var set = files.Set("plain{0}.png");
            var listing = files.Listing(pattern);
            Report($"cache {shortSide}² → crop of ¾ → 224²", files.Count, rounds, () => Each(set, r => Used(cache.Read(r), Crop)), () => peer?.Run("crop", Side, listing));
            var pipeline = ImagePipeline.Train(Side, Normalization.Mrm);
            var tensor = new float[3 * Side * Side];
            Report($"cache {shortSide}² → training pipeline → tensor", files.Count, rounds, () => (Each(set, r => Used(cache.Read(r), Pipeline)).Seconds, null), () => null);

            PixelImage? Pipeline(PixelImage image)
            {
                var random = SampleRandom.For(1, 2, 3);
                pipeline.Run(image, ref random, tensor);
                return null;
            }
        }

        static PixelImage Crop(PixelImage image) => Cut(image, new PixelBox(image.Width / 8 + 1, image.Height / 8 + 1, image.Width * 3 / 4, image.Height * 3 / 4));
    }

    // The whole loader on one thread: batches of 8, training augmentation.
    private static void Loading(ImageFiles files, int rounds)
    {
        var set = files.Set("plain{0}.png");
        using var cache = files.Cache(256).Cache;
        var pipeline = ImagePipeline.Train(Side, Normalization.Mrm);
        foreach (var (name, read) in new (string, Func<ImageRecord, PixelImage>?)[] { ("loader, decoding each time", null), ("loader, from the cache of 256", cache.Read) })
        {
            using var loader = new ImageLoader(set, pipeline, new ImageLoaderOptions { BatchSize = 8, Threads = 1, Read = read });
            Report(name, files.Count, rounds, () => (Processor(Epoch), null), () => null);

            void Epoch()
            {
                foreach (var batch in loader.Epoch(0)) batch.Dispose();
            }
        }
    }

    private static PixelImage Cut(PixelImage image, PixelBox box) => Resampler.Resize(image, box, Side, Side, new PixelBox(0, 0, Side, Side), Interpolation.Bicubic);

    // As the loader does with its images.
    private static PixelImage? Used(PixelImage image, Func<PixelImage, PixelImage?> work)
    {
        var result = work(image);
        PixelBuffers.GiveBack(image);
        return result;
    }

    private static (double Seconds, uint? Crc) Each(ImageDataset set, Func<ImageRecord, PixelImage?> work)
    {
        var results = new PixelImage?[set.Count];
        var seconds = Processor(() =>
        {
            for (var i = 0; i < results.Length; i++) results[i] = work(set[i]);
        });
        var crc = new Crc32();
        foreach (var result in results.OfType<PixelImage>()) crc.Append(result.Pixels);
        return (seconds, crc.Value);
    }

    private static double Processor(Action work)
    {
        var process = Process.GetCurrentProcess();
        var before = process.TotalProcessorTime;
        work();
        process.Refresh();
        return (process.TotalProcessorTime - before).TotalSeconds;
    }

    private static void Report(string work, int count, int rounds, Func<(double Seconds, uint? Crc)> ours, Func<(double Seconds, uint Crc)?> theirs)
    {
        // Until the just-in-time compiler has done its best, which takes thirty calls and then a while.
        for (var started = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(started).TotalSeconds < WarmUp;) ours();
        var (own, other) = (new List<double>(), new List<double>());
        var same = true;
        for (var i = 0; i < rounds; i++)
        {
            var (seconds, crc) = ours();
            own.Add(seconds);
            if (theirs() is not { } peer) continue;
            other.Add(peer.Seconds);
            same &= crc == peer.Crc;
        }

        var rate = count / Median(own);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"| {work} | {rate:N0} | {(other.Count == 0 ? "–" : (count / Median(other)).ToString("N0", CultureInfo.InvariantCulture))} | {(other.Count == 0 ? "–" : (Median(other) / Median(own)).ToString("F1", CultureInfo.InvariantCulture))} | {(other.Count == 0 ? "–" : same ? "yes" : "no")} |"));
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

    private static int Number(string[] args, int place, int otherwise) => args.Length > place ? int.Parse(args[place], CultureInfo.InvariantCulture) : otherwise;
}

using MedPeft.Lora.Data;
using MedPeft.Lora.Data.Loading;
using MedPeft.Lora.Imaging;
using MedPeft.Lora.Tests.Imaging;
using MedPeft.Lora.Tests.Imaging.Dicom.Writers;

namespace MedPeft.Lora.Tests.Data;

public sealed class LeakCheckTests : IDisposable
{
    private static readonly PixelImage[] Radiographs = [ImageDecoder.Decode(Golden.Data("nih/00000001_000.png")), ImageDecoder.Decode(Golden.Data("nih/00027426_000.png"))];

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Patients_and_files_are_compared_at_once()
    {
        var a = Set("a", Record("/x/1.png", "p1"), Record("/x/2.png", "p1"), Record("/x/3.png", "p2"), Record("/x/4.png", null));
        var b = Set("b", Record("/y/9.png", "p1"), Record("/x/4.png", null), Record("/y/8.png", "p7"));
        var report = LeakCheck.Compare(a, b);
        Assert.Equal((1, 2, 1, 2), (report.SharedPatients, report.PatientImagesInFirst, report.PatientImagesInSecond, report.WithoutPatient));
        Assert.Equal([new LeakedPair(3, 1, LeakKind.SameFile)], report.Pairs);
        Assert.Equal(
            "'a' and 'b': 1 patients in both (with 2 images in the first and 1 in the second); 1 files in both (compared: patients and file names). 2 images name no patient.", report.ToString());
        Assert.Equal(
            "'a' and 'c': no leak found (compared: patients and file names).",
            LeakCheck.Compare(Set("a", Record("1", "p")), Set("c", Record("2", "q"))).ToString());
    }

    [Fact]
    public void Equal_bytes_are_found_under_other_names()
    {
        foreach (var (name, seed) in new[] { ("a1", 1ul), ("a2", 2ul), ("b1", 3ul), ("b2", 2ul) }) _folder.Image($"{name}.png", seed: seed);
        var report = LeakCheck.Compare(Files("a1.png", "a2.png"), Files("b1.png", "b2.png"), new LeakCheckOptions { Bytes = true });
        Assert.Equal([new LeakedPair(1, 1, LeakKind.SameBytes)], report.Pairs);
        Assert.Contains("1 images with equal bytes (compared: patients and file names, bytes)", report.ToString(), StringComparison.Ordinal);
        Assert.Throws<ImageException>(() => LeakCheck.Compare(Files("a1.png"), Files("none.png"), new LeakCheckOptions { Bytes = true }));
    }

    [Fact]
    public void A_dicom_file_and_its_copy_in_png_look_the_same()
    {
        var image = Radiographs[0];
        _folder.Write("a.dcm", DicomWriter.Image(image.Width, image.Height, 8, 8, image.Pixels).ToArray());
        _folder.Write("b.png", TestImages.Png(image));
        _folder.Write("c.png", TestImages.Png(Radiographs[1]));
        var report = LeakCheck.Compare(Files("a.dcm"), Files("c.png", "b.png"), new LeakCheckOptions { Bytes = true, NearDuplicates = true });
        Assert.Equal([new LeakedPair(0, 1, LeakKind.NearDuplicate)], report.Pairs);
        Assert.Equal("'files' and 'files': 1 images that look the same (compared: patients and file names, bytes, looks). 3 images name no patient.", report.ToString());
    }

    [Fact]
    public void Copies_in_another_format_size_or_brightness_are_found_and_other_patients_are_not()
    {
        _folder.Write("original.png", File.ReadAllBytes(Golden.Data("nih/00000001_000.png")));
        var image = Radiographs[0];
        _folder.Write("jpeg.jpg", TestImages.Jpeg(image, 40));
        _folder.Write("small.png", TestImages.Png(Small(image, 224)));
        _folder.Write("bright.png", TestImages.Png(Map(image, v => 30 + .8 * v)));
        _folder.Write("gamma.png", TestImages.Png(Map(image, v => 255 * Math.Pow(v / 255, .85))));
        _folder.Write("rgb.png", TestImages.Png(TestImages.AsRgb(image)));
        _folder.Write("other.png", File.ReadAllBytes(Golden.Data("nih/00027426_000.png")));
        _folder.Write("mirror.png", TestImages.Png(Mirror(image)));
        _folder.Write("negative.png", TestImages.Png(Map(image, v => 255 - v)));
        var options = new LeakCheckOptions { Bytes = true, NearDuplicates = true };
        var report = LeakCheck.Compare(
            Files("original.png"), Files("jpeg.jpg", "other.png", "small.png", "mirror.png", "bright.png", "negative.png", "gamma.png", "rgb.png"), options);
        Assert.Equal([0, 2, 4, 6, 7], report.Pairs.Select(p => p.Second));
        Assert.Equal(5, report.Count(LeakKind.NearDuplicate));
        Assert.Contains("5 images that look the same (compared: patients and file names, bytes, looks)", report.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Copies_and_strangers_lie_far_apart()
    {
        var (a, b) = (Miniature.Of(Radiographs[0]), Miniature.Of(Radiographs[1]));
        var copy = Miniature.Of(ImageDecoder.Decode(TestImages.Jpeg(Small(Radiographs[0], 200), 30), "copy"));
        Assert.InRange(a.Correlation(copy), .998, 1.0001);
        Assert.InRange(a.DifferentBits(copy), 0, 24);
        Assert.InRange(a.Correlation(b), -1, .95);
        Assert.InRange(a.DifferentBits(b), 49, 256);
    }

    [Fact]
    public void Flat_images_equal_only_their_own_gray()
    {
        var (black, black2, white) = (Flat(0, 40), Flat(0, 64), Flat(255, 40));
        Assert.True(black.LooksLike(black2, .99));
        Assert.False(black.LooksLike(white, .99));
        Assert.False(black.LooksLike(Miniature.Of(Radiographs[0]), .99));

        static Miniature Flat(byte gray, int side)
        {
            var pixels = new byte[side * side];
            Array.Fill(pixels, gray);
            return Miniature.Of(new PixelImage(side, side, 1, pixels));
        }
    }

    [Fact]
    public void Cancellation_stops_the_comparison()
    {
        _folder.Image("1.png");
        Assert.Throws<OperationCanceledException>(
            () => LeakCheck.Compare(Files("1.png"), Files("1.png"), new LeakCheckOptions { Bytes = true }, new CancellationToken(true)));
    }

    private static PixelImage Small(PixelImage image, int side)
    {
        var random = default(SampleRandom);
        return new Resize(side).Apply(image, ref random);
    }

    private static PixelImage Map(PixelImage image, Func<double, double> value)
        => new(image.Width, image.Height, image.Channels, Array.ConvertAll(image.Pixels, p => (byte)Math.Clamp(Math.Round(value(p)), 0, 255)));

    private static PixelImage Mirror(PixelImage image)
    {
        var random = default(SampleRandom);
        return new HorizontalFlip(1).Apply(image, ref random);
    }

    private ImageDataset Files(params string[] names) => Set("files", [.. names.Select(n => Record(_folder.In(n), null))]);

    private static ImageDataset Set(string name, params ImageRecord[] records) => new(name, ["L"], records);

    private static ImageRecord Record(string path, string? patient) => new() { Path = path, Labels = [0], Patient = patient };
}

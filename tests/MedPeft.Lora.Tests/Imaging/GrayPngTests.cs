using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Tests.Imaging;

public class GrayPngTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(-1)] // a filter drawn for each row
    public void Every_filter_gives_the_pixels_back(int filter)
    {
        foreach (var (width, height) in new[] { (1, 1), (1, 9), (2, 5), (3, 8), (4, 4), (5, 13), (31, 6), (70, 30), (300, 200) })
        {
            var image = TestImages.Noise(width, height, 1, (ulong)(width + height));
            var random = new SampleRandom(4);
            var png = TestImages.Filtered(image, _ => filter >= 0 ? filter : random.NextInt(0, 4));
            Assert.NotNull(Fast(png));
            GoldenImages.Same(image, Fast(png)!);
            GoldenImages.Same(image, ImageDecoder.DecodeBySkia(png, "x", ImageHeader.Read(png, "x")));
        }
    }

    [Theory]
    [InlineData("00000001_000.png")]
    [InlineData("00027426_000.png")]
    public void Real_radiographs_equal_the_general_decoder(string name)
    {
        var file = File.ReadAllBytes(Golden.Data("nih/" + name));
        var fast = Fast(file);
        Assert.NotNull(fast);
        GoldenImages.Same(ImageDecoder.DecodeBySkia(file, name, ImageHeader.Read(file, name)), fast);
    }

    [Fact]
    public void What_is_not_flawless_is_left_to_the_general_decoder()
    {
        var image = TestImages.Noise(40, 30, 1);
        var png = TestImages.Png(image);
        Assert.NotNull(Fast(png));
        for (var i = 8; i < png.Length; i++)
        {
            var damaged = (byte[])png.Clone();
            damaged[i] ^= 0x10;
            Assert.Null(Fast(damaged));
            Assert.Null(Fast(png[..i]));
        }

        Assert.Null(Fast(TestImages.Png(TestImages.Noise(4, 4, 3))));
        Assert.Null(Fast(TestImages.Png(2, 2, 0, 16, new byte[8])));
        Assert.Null(Fast(TestImages.Png(2, 1, 0, 8, [7, 9], ("tRNS", [0, 7]))));
        Assert.Null(Fast(TestImages.Png(2, 1, 0, 8, [7, 9], ("ABCD", []))));
        Assert.NotNull(Fast(TestImages.Png(2, 1, 0, 8, [7, 9], ("gAMA", [0, 0, 1, 1]))));
    }

    [Fact]
    public void Pixels_in_several_chunks_are_joined()
    {
        var image = TestImages.Noise(40, 30, 1);
        foreach (var size in new[] { 1, 7, 100 }) GoldenImages.Same(image, Fast(TestImages.Png(40, 30, 0, 8, image.Pixels, size))!);
    }

    [Fact]
    public void Too_many_and_too_few_rows_are_left_to_the_general_decoder()
    {
        Assert.Null(Fast(TestImages.Png(40, 30, 0, 8, new byte[40 * 30], declaredHeight: 31)));
        Assert.Null(Fast(TestImages.Png(40, 30, 0, 8, new byte[40 * 30], declaredHeight: 29)));
    }

    private static unsafe PixelImage? Fast(byte[] file)
    {
        ImageHeader header;
        try
        {
            header = ImageHeader.Read(file, "x");
            ImageLimits.Default.Check("x", header.Width, header.Height);
        }
        catch (ImageException)
        {
            return null;
        }

        fixed (byte* p = file) return GrayPng.TryDecode(p, file.Length, header);
    }
}

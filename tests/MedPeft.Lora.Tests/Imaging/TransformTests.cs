using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Tests.Imaging;

public class TransformTests
{
    [Theory]
    [InlineData(1000, 700, 224, 320, 224)]
    [InlineData(390, 320, 224, 273, 224)]
    [InlineData(17, 3000, 224, 224, 39529)]
    [InlineData(512, 512, 256, 256, 256)]
    public void Resize_cuts_the_longer_side_to_an_integer(int width, int height, int side, int toWidth, int toHeight)
        => Assert.Equal((toWidth, toHeight), new Resize(side).Target(new PixelImage(width, height, 1, new byte[width * height])));

    [Fact]
    public void Resize_to_the_same_size_is_the_same_object()
    {
        var random = new SampleRandom(0);
        var image = TestImages.Noise(10, 14, 3);
        Assert.Same(image, new Resize(10).Apply(image, ref random));
    }

    [Theory]
    [InlineData(5, 5, 2, 2)] // (5 - 2) / 2 = 1.5 rounds to 2
    [InlineData(7, 7, 2, 2)] // 2.5 rounds to 2
    [InlineData(8, 8, 2, 3)]
    public void CenterCrop_rounds_half_to_even(int width, int height, int size, int offset)
        => Assert.Equal(new PixelBox(offset, offset, size, size), new CenterCrop(size).Window(width, height));

    [Fact]
    public void CenterCrop_of_a_smaller_image_is_surrounded_by_black()
    {
        var random = new SampleRandom(0);
        var result = new CenterCrop(4).Apply(new PixelImage(1, 2, 1, [9, 8]), ref random);
        Assert.Equal([0, 0, 0, 0, 0, 9, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0], result.Pixels);
        // Wide enough in one direction only: padded left and right, cut above and below.
        Assert.Equal([3, 0, 4, 0], new CenterCrop(2).Apply(new PixelImage(1, 6, 1, [1, 2, 3, 4, 5, 6]), ref random).Pixels);
    }

    [Fact]
    public void Flipping_twice_restores_the_image()
    {
        var random = new SampleRandom(0);
        foreach (var channels in new[] { 1, 3 })
        {
            var image = TestImages.Noise(7, 5, channels);
            var flipped = new HorizontalFlip(1).Apply(image, ref random);
            Assert.Equal(image.Pixels[..channels], flipped.Pixels[(6 * channels)..(7 * channels)]);
            Assert.Equal(image.Pixels, new HorizontalFlip(1).Apply(flipped, ref random).Pixels);
            Assert.Same(image, new HorizontalFlip(0).Apply(image, ref random));
        }
    }

    [Fact]
    public void Every_second_image_is_flipped()
    {
        var image = new PixelImage(2, 1, 1, [1, 2]);
        var flipped = 0;
        for (var i = 0; i < 10_000; i++)
        {
            var random = SampleRandom.For(5, 0, i);
            if (new HorizontalFlip().Apply(image, ref random).Pixels[0] == 2) flipped++;
        }

        Assert.InRange(flipped, 4_850, 5_150);
    }

    [Fact]
    public void Gray_of_equal_channels_is_that_channel_and_of_red_122_is_36()
    {
        var random = new SampleRandom(0);
        var all = new PixelImage(256, 1, 1, [.. Enumerable.Range(0, 256).Select(i => (byte)i)]);
        Assert.Equal(all.Pixels, new Grayscale().Apply(TestImages.AsRgb(all), ref random).Pixels);
        Assert.Equal([36], new Grayscale().Apply(new PixelImage(1, 1, 3, [122, 0, 0]), ref random).Pixels);
    }

    [Theory]
    [InlineData(1024, 1024)]
    [InlineData(300, 500)]
    [InlineData(1, 1)]
    [InlineData(3000, 3)]
    public void Random_crops_lie_inside_the_image_and_keep_their_ranges(int width, int height)
    {
        var crop = new RandomResizedCrop(224);
        for (var i = 0; i < 2_000; i++)
        {
            var random = SampleRandom.For(1, 0, i);
            var box = crop.Draw(width, height, ref random);
            Assert.True(box.X >= 0 && box.Y >= 0 && box.Width >= 1 && box.Height >= 1 && box.X + box.Width <= width && box.Y + box.Height <= height);
            if (width < 100 || height < 100) continue;
            Assert.InRange((double)box.Width * box.Height / width / height, .077, 1);
            Assert.InRange((double)box.Width / box.Height, .74, 1.35);
        }
    }

    [Fact]
    public void Random_crops_have_the_distribution_of_the_reference()
    {
        // 200,000 draws of torchvision's rule by Python's generator: mean area 0.4779, mean of log(ratio) 0.0002, of its square 0.02539.
        var crop = new RandomResizedCrop(224);
        var (area, ratio, square) = (0.0, 0.0, 0.0);
        for (var i = 0; i < 20_000; i++)
        {
            var random = SampleRandom.For(2, 0, i);
            var box = crop.Draw(1024, 1024, ref random);
            area += (double)box.Width * box.Height / (1024 * 1024) / 20_000;
            ratio += Math.Log((double)box.Width / box.Height) / 20_000;
            square += Math.Pow(Math.Log((double)box.Width / box.Height), 2) / 20_000;
        }

        Assert.InRange(area, .472, .484);
        Assert.InRange(ratio, -.005, .005);
        Assert.InRange(square, .0247, .0261);
    }

    [Fact]
    public void Where_no_shape_fits_the_largest_box_in_the_middle_is_taken()
    {
        var random = new SampleRandom(0);
        Assert.Equal(new PixelBox(1498, 0, 4, 3), new RandomResizedCrop(8, 1, 1).Draw(3000, 3, ref random));
        Assert.Equal(new PixelBox(0, 1498, 3, 4), new RandomResizedCrop(8, 1, 1).Draw(3, 3000, ref random));
    }

    [Fact]
    public void Numbers_outside_their_range_are_refused()
    {
        Assert.Equal("Found 1.5; a probability lies between 0 and 1. (Parameter 'probability')", Assert.Throws<ArgumentOutOfRangeException>(() => new HorizontalFlip(1.5)).Message);
        Assert.Equal(
            "The scale is 0.5 to 0.2; it must rise and lie above 0 and up to 1. (Parameter 'minScale')",
            Assert.Throws<ArgumentOutOfRangeException>(() => new RandomResizedCrop(8, .5, .2)).Message);
        Assert.Equal(
            "The ratio is 0 to 2; it must rise and lie above 0. (Parameter 'minRatio')",
            Assert.Throws<ArgumentOutOfRangeException>(() => new RandomResizedCrop(8, minRatio: 0, maxRatio: 2)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => new Resize(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new CenterCrop(-1));
    }
}

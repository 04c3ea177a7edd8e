using System.Runtime.InteropServices;
using System.Text.Json;
using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Tests.Imaging;

public class ResamplerTests
{
    public static TheoryData<string> Names => [.. GoldenImages.Names];

    [Fact]
    public void Weights_equal_those_of_Pillow()
    {
        foreach (var set in GoldenImages.Coefficients.EnumerateArray())
        {
            var (input, output) = (set.GetProperty("insize").GetInt32(), set.GetProperty("outsize").GetInt32());
            var kernel = ResampleKernel.For(Interpolation.Bicubic, input, output, 0, output);
            Assert.Equal(set.GetProperty("ksize").GetInt32(), kernel.Taps);
            var weights = Enumerable.Range(0, output).SelectMany(i => kernel.Weights.AsSpan(i * kernel.Stride, kernel.Taps).ToArray()).ToArray();
            Assert.Equal(set.GetProperty("kk_sha256_i32").GetString(), GoldenImages.Hash(MemoryMarshal.AsBytes<int>(weights)));
            var bounds = Enumerable.Range(0, output).SelectMany(i => new[] { kernel.First[i], kernel.Used[i] }).ToArray();
            Assert.Equal(set.GetProperty("bounds_sha256").GetString(), GoldenImages.Hash(MemoryMarshal.AsBytes<int>(bounds)));
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Resizing_to_224_equals_Pillow(string name)
    {
        var source = GoldenImages.Source(name);
        var expected = GoldenImages.Load("images", GoldenImages.Outputs(name).GetProperty("pil_L_224x224"));
        GoldenImages.Same(expected, Whole(source, 224, 224));
        GoldenImages.Same(TestImages.AsRgb(expected), Whole(TestImages.AsRgb(source), 224, 224));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Cropping_and_resizing_equals_torchvision(string name)
    {
        var source = GoldenImages.Source(name);
        foreach (var crop in GoldenImages.Outputs(name).GetProperty("resized_crop_gray").EnumerateArray())
        {
            var box = Box(crop.GetProperty("ijhw"));
            var expected = GoldenImages.Load("images", crop);
            GoldenImages.Same(expected, new RandomResizedCrop(224).Cut(source, box));
            GoldenImages.Same(TestImages.AsRgb(expected), new RandomResizedCrop(224).Cut(TestImages.AsRgb(source), box));
        }
    }

    [Theory]
    [InlineData(1, 1, 1, 5, 3)]
    [InlineData(7, 5, 3, 3, 9)]
    [InlineData(61, 40, 3, 61, 17)]
    [InlineData(61, 40, 1, 19, 40)]
    [InlineData(200, 3, 3, 33, 65)]
    [InlineData(3, 200, 1, 64, 31)]
    public void Every_size_equals_a_plain_reading_of_the_algorithm(int width, int height, int channels, int toWidth, int toHeight)
    {
        var image = TestImages.Noise(width, height, channels);
        foreach (var interpolation in new[] { Interpolation.Bicubic, Interpolation.Bilinear })
        {
            var whole = new PixelBox(0, 0, toWidth, toHeight);
            var result = Resampler.Resize(image, PixelBox.Whole(image), toWidth, toHeight, whole, interpolation);
            GoldenImages.Same(Plain(image, toWidth, toHeight, interpolation), result);
        }
    }

    [Fact]
    public void Both_ways_to_compute_columns_give_the_same_bytes()
    {
        // Where the processor lacks AVX2, the other way is the only one, and the tests above hold it to Pillow.
        if (!System.Runtime.Intrinsics.X86.Avx2.IsSupported) return;
        var random = new SampleRandom(5);
        for (var i = 0; i < 200; i++)
        {
            var channels = i % 3 == 0 ? 3 : 1;
            var (input, output) = (random.NextInt(1, 300), random.NextInt(1, 300));
            var (left, right, rows) = (random.NextInt(0, 9), random.NextInt(0, 9), random.NextInt(1, 4));
            var start = random.NextInt(0, output - 1);
            var count = random.NextInt(1, output - start);
            var image = i % 5 == 0 ? Extremes(left + input + right, rows, channels) : TestImages.Noise(left + input + right, rows, channels, (ulong)i);
            var kernel = ResampleKernel.For(i % 2 == 0 ? Interpolation.Bicubic : Interpolation.Bilinear, input, output, start, count);
            byte[] one = new byte[rows * count * channels], other = new byte[rows * count * channels];
            Resampler.ColumnsByVectors(image.Pixels, image.Width * channels, left, rows, kernel, channels, one);
            Resampler.ColumnsByAvx2(image.Pixels, image.Width * channels, left, rows, kernel, channels, other);
            Assert.Equal(one, other);
        }

        static PixelImage Extremes(int width, int height, int channels)
            => new(width, height, channels, [.. Enumerable.Range(0, width * height * channels).Select(i => (byte)(i / 3 % 2 * 255))]);
    }

    [Fact]
    public void A_box_equals_the_same_box_cut_out_first()
    {
        var image = TestImages.Noise(90, 70, 3);
        var box = new PixelBox(13, 9, 41, 52);
        var cut = Resampler.Crop(image, box);
        for (var side = 30; side < 60; side++)
            GoldenImages.Same(Whole(cut, side, 37), Resampler.Resize(image, box, side, 37, new PixelBox(0, 0, side, 37), Interpolation.Bicubic));
    }

    [Fact]
    public void A_window_equals_the_same_part_of_the_whole_result()
    {
        var image = TestImages.Noise(90, 70, 3);
        var window = new PixelBox(5, 7, 20, 21);
        foreach (var (width, height) in new[] { (40, 30), (90, 30), (40, 70), (90, 70), (120, 100) })
            GoldenImages.Same(Resampler.Crop(Whole(image, width, height), window), Resampler.Resize(image, PixelBox.Whole(image), width, height, window, Interpolation.Bicubic));
    }

    [Fact]
    public void A_constant_image_stays_constant()
    {
        foreach (var value in new byte[] { 0, 1, 127, 255 })
        {
            var pixels = new byte[50 * 40];
            pixels.AsSpan().Fill(value);
            Assert.All(Whole(new PixelImage(50, 40, 1, pixels), 17, 90).Pixels, p => Assert.Equal(value, p));
        }
    }

    [Fact]
    public void A_result_beyond_an_array_is_refused_before_it_is_allocated()
    {
        var image = new PixelImage(1, 16_000, 1, new byte[16_000]);
        var error = Assert.Throws<ArgumentException>(() => Whole(image, 2_000, 32_000_000));
        Assert.Equal("Resizing 1x16000 pixels to 2000x32000000 takes 64000000000 bytes, more than an array can hold. Crop the image first.", error.Message);
    }

    private static PixelImage Whole(PixelImage image, int width, int height)
        => Resampler.Resize(image, PixelBox.Whole(image), width, height, new PixelBox(0, 0, width, height), Interpolation.Bicubic);

    private static PixelBox Box(JsonElement ijhw) => new(ijhw[1].GetInt32(), ijhw[0].GetInt32(), ijhw[3].GetInt32(), ijhw[2].GetInt32());

    private static PixelImage Plain(PixelImage image, int width, int height, Interpolation interpolation)
    {
        if (width != image.Width) image = Axis(image, width, image.Height, (x, y, k) => (k.First[x], y, 1, 0, x), ResampleKernel.For(interpolation, image.Width, width, 0, width));
        if (height != image.Height) image = Axis(image, width, height, (x, y, k) => (x, k.First[y], 0, 1, y), ResampleKernel.For(interpolation, image.Height, height, 0, height));
        return image;
    }

    private static PixelImage Axis(
        PixelImage image, int width, int height, Func<int, int, ResampleKernel, (int X, int Y, int Dx, int Dy, int Row)> place, ResampleKernel kernel)
    {
        var pixels = new byte[width * height * image.Channels];
        for (var i = 0; i < pixels.Length; i++)
        {
            var (c, x, y) = (i % image.Channels, i / image.Channels % width, i / image.Channels / width);
            var (fromX, fromY, dx, dy, row) = place(x, y, kernel);
            long sum = 1 << 21;
            for (var t = 0; t < kernel.Used[row]; t++)
                sum += (long)kernel.Weights[row * kernel.Stride + t] * image.Pixels[((fromY + t * dy) * image.Width + fromX + t * dx) * image.Channels + c];
            pixels[i] = (byte)Math.Clamp(sum >> 22, 0, 255);
        }

        return new PixelImage(width, height, image.Channels, pixels);
    }
}

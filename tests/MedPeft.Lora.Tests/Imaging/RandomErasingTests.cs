using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Tests.Imaging;

public class RandomErasingTests
{
    [Fact]
    public void A_quarter_of_the_images_is_touched()
    {
        var touched = 0;
        for (var i = 0; i < 4_000; i++)
            if (Erase(new RandomErasing(), 16, i).Any(v => v != 5)) touched++;
        Assert.InRange(touched / 4_000.0, .23, .27);
    }

    [Fact]
    public void Rectangles_keep_their_ranges_and_are_smaller_than_the_image()
    {
        var (erasing, area) = (new RandomErasing(1), 0.0);
        for (var i = 0; i < 5_000; i++)
        {
            var random = SampleRandom.For(1, 0, i);
            if (erasing.Draw(224, 224, ref random) is not { } box) continue;
            Assert.True(box.Width < 224 && box.Height < 224 && box.X >= 0 && box.Y >= 0 && box.X + box.Width <= 224 && box.Y + box.Height <= 224);
            var part = box.Width * box.Height / (224.0 * 224);
            Assert.InRange(part, .019, .336);
            Assert.InRange((double)box.Height / box.Width, .29, 3.45);
            area += part / 5_000;
        }

        Assert.InRange(area, .168, .18);
    }

    [Fact]
    public void The_noise_is_normal_and_differs_between_channels()
    {
        var erased = Enumerable.Range(0, 400).SelectMany(i => Erase(new RandomErasing(1), 32, i).Where(v => v != 5)).Select(v => (double)v).ToArray();
        Assert.InRange(erased.Average(), -.01, .01);
        Assert.InRange(erased.Average(v => v * v), .98, 1.02);
        var one = Erase(new RandomErasing(1), 32, 0);
        var at = Array.FindIndex(one, v => v != 5);
        Assert.NotEqual(one[at], one[at + 32 * 32]);
        Assert.Equal(one[..(32 * 32)].Select(v => v == 5), one[(2 * 32 * 32)..].Select(v => v == 5));
    }

    [Fact]
    public void An_image_of_one_pixel_is_left_alone() => Assert.Equal([5, 5, 5], Erase(new RandomErasing(1), 1, 0));

    [Fact]
    public void Numbers_outside_their_range_are_refused()
    {
        Assert.Equal(
            "The area is 0 to 0.3333333333333333; it must rise and lie above 0 and up to 1. (Parameter 'minArea')",
            Assert.Throws<ArgumentOutOfRangeException>(() => new RandomErasing(minArea: 0)).Message);
        Assert.Equal(
            "Found 2; the smallest aspect lies above 0 and up to 1. (Parameter 'minAspect')",
            Assert.Throws<ArgumentOutOfRangeException>(() => new RandomErasing(minAspect: 2)).Message);
    }

    private static float[] Erase(RandomErasing erasing, int size, int index)
    {
        var tensor = new float[3 * size * size];
        tensor.AsSpan().Fill(5);
        var random = SampleRandom.For(9, 0, index);
        erasing.Apply(tensor, 3, size, size, ref random);
        return tensor;
    }
}

using MedPeft.Lora.Imaging;
using MedPeft.Lora.Prediction;

namespace MedPeft.Lora.Tests.Prediction;

public class HeatMapTests
{
    private static readonly PixelImage Gray = new(64, 64, 1, [.. Enumerable.Repeat((byte)100, 64 * 64)]);

    private static readonly HeatMap Corner = new(HeatMapMethod.GradCam, 2, [1, 0, 0, 0]);

    [Fact]
    public void Cold_places_stay_as_they_are_and_the_hottest_takes_the_last_colour_of_viridis()
    {
        var picture = Corner.Draw(Gray, opacity: 1);

        Assert.Equal((64, 3), (picture.Height, picture.Channels));
        Assert.Equal((100, 100, 100), Pixel(picture, 63, 63));
        Assert.Equal((0xFD, 0xE7, 0x25), Pixel(picture, 0, 0));
        Assert.Equal((0xFD, 0xE7, 0x25), Pixel(picture, 15, 15)); // the middle of the patch
    }

    [Fact]
    public void Between_the_middles_of_patches_the_map_is_linear()
    {
        var map = new HeatMap(HeatMapMethod.AttentionRollout, 2, [0, 1, 2, 5]);

        Assert.Equal(0, HeatMapPicture.At(map, 0, 0));
        Assert.Equal(.5, HeatMapPicture.At(map, .5, .25));
        Assert.Equal(1, HeatMapPicture.At(map, .25, .5));
        Assert.Equal(2, HeatMapPicture.At(map, .5, .5));
        Assert.Equal(5, HeatMapPicture.At(map, 1, 1));
    }

    [Fact]
    public void Hotter_is_lighter_and_covers_more()
    {
        var luminance = Enumerable.Range(0, 101).Select(i => ColorMap.Of(i / 100.0)).Select(c => .2126 * Linear(c.R) + .7152 * Linear(c.G) + .0722 * Linear(c.B)).ToList();

        Assert.All(luminance.Zip(luminance.Skip(1)), pair => Assert.True(pair.Second > pair.First));
        Assert.Equal((0x44, 0x01, 0x54), ColorMap.Of(-1));
        Assert.Equal((0xFD, 0xE7, 0x25), ColorMap.Of(2));

        static double Linear(double channel) => Math.Pow(channel / 255, 2.2);
    }

    [Fact]
    public void The_legend_runs_from_hot_to_cold_and_names_both_ends()
    {
        var map = new HeatMap(HeatMapMethod.AttentionRollout, 2, [.25f, .125f, .5f, .375f]);
        var picture = map.Draw(Gray, opacity: 1);

        Assert.Equal(64 + 6 + 14 + 6 + 5 * PixelDigits.Advance + 6, picture.Width); // "0.125" is the longer text
        Assert.Equal((.125f, .5f), (map.Low, map.High));
        Assert.Equal((255, 255, 255), Pixel(picture, 66, 30));
        var (top, bottom) = (Pixel(picture, 72, 0), Pixel(picture, 72, 63));
        Assert.True(top.G > 220 && Math.Abs(bottom.G - 96) < 5);
        Assert.Contains(Enumerable.Range(90, 30), x => Pixel(picture, x, 9) == (40, 40, 40));
        Assert.Contains(Enumerable.Range(90, 30), x => Pixel(picture, x, 54) == (40, 40, 40));
    }

    [Fact]
    public void A_map_without_any_heat_leaves_the_radiograph_alone()
    {
        var picture = new HeatMap(HeatMapMethod.GradCam, 1, [0]).Draw(Gray);

        for (var i = 0; i < 64; i++) Assert.Equal((100, 100, 100), Pixel(picture, i, i));
    }

    [Fact]
    public void Legends_can_write_every_number()
    {
        foreach (var value in (float[])[1.23e-10f, 123456789f, -0.5f, 0])
            foreach (var character in value.ToString("G3", System.Globalization.CultureInfo.InvariantCulture))
                Assert.Contains(Enumerable.Range(0, PixelDigits.Height * PixelDigits.Width), at => PixelDigits.IsSet(character, at % PixelDigits.Width, at / PixelDigits.Width));
    }

    [Fact]
    public void What_does_not_fit_is_named()
    {
        Assert.StartsWith(
            "Found 2x1 pixels; a heat map lies over the square that the model saw. Use the radiograph of the Explanation.",
            Assert.Throws<ArgumentException>(() => Corner.Draw(new PixelImage(2, 1, 1, [0, 0]))).Message);
        Assert.StartsWith("An opacity is above 0 and at most 1.", Assert.Throws<ArgumentOutOfRangeException>(() => Corner.Draw(Gray, 0)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => Corner[0, 2]);
    }

    private static (int R, int G, int B) Pixel(PixelImage image, int x, int y)
    {
        var at = (y * image.Width + x) * 3;
        return (image.Pixels[at], image.Pixels[at + 1], image.Pixels[at + 2]);
    }
}

using System.Text.Json;
using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Tests.Imaging;

public class RandAugmentTests
{
    private static readonly JsonElement Manifest = GoldenImages.Read("augment/manifest.json");

    public static TheoryData<string> Files => [.. Manifest.GetProperty("files").EnumerateArray().Select(f => f.GetProperty("file").GetString()!)];

    [Theory]
    [MemberData(nameof(Files))]
    public void Every_operation_equals_timm_and_Pillow(string file)
    {
        var entry = Manifest.GetProperty("files").EnumerateArray().Single(f => f.GetProperty("file").GetString() == file);
        var source = GoldenImages.Load("augment", Manifest.GetProperty("src"));
        var expected = new PixelImage(224, 224, 1, File.ReadAllBytes(Golden.Path("augment/" + file)));
        Assert.Equal(entry.GetProperty("sha256").GetString(), GoldenImages.Hash(expected.Pixels));
        var operation = Enum.Parse<AugmentOperation>(entry.GetProperty("op").GetString()!.Replace("Rel", "", StringComparison.Ordinal));
        var argument = entry.GetProperty("arg") is { ValueKind: JsonValueKind.Number } number ? number.GetDouble() : 0;

        var reference = new RandAugment { ReferenceFill = true };
        GoldenImages.Same(expected, Grayscale.Convert(reference.Apply(source, operation, argument)));
        GoldenImages.Same(expected, Grayscale.Convert(reference.Apply(TestImages.AsRgb(source), operation, argument)));
        // In one channel, with the luma of the reference's red as fill, the result is the same.
        var gray = new RandAugment { Fill = 36 }.Apply(source, operation, argument);
        Assert.Equal(1, gray.Channels);
        GoldenImages.Same(expected, gray);
    }

    [Fact]
    public void Magnitudes_mean_what_they_mean_in_timm()
    {
        foreach (var row in Manifest.GetProperty("magnitude_to_arg").EnumerateObject())
        {
            var magnitude = double.Parse(row.Name, System.Globalization.CultureInfo.InvariantCulture);
            foreach (var cell in row.Value.EnumerateObject())
            {
                var operation = Enum.Parse<AugmentOperation>(cell.Name.Replace("Increasing", "", StringComparison.Ordinal).Replace("Rel", "", StringComparison.Ordinal));
                double[] found = [AugmentMagnitude.Argument(operation, magnitude, true), AugmentMagnitude.Argument(operation, magnitude, false)];
                double[] expected = cell.Value.ValueKind == JsonValueKind.Null ? [0] : [.. cell.Value.EnumerateArray().Select(v => v.GetDouble())];
                Assert.Equal(expected, found.Distinct().Order());
                Assert.Equal(expected.Length == 2, AugmentMagnitude.IsSigned(operation) && magnitude > 0);
            }
        }
    }

    [Fact]
    public void Operations_are_in_the_order_of_the_policy()
    {
        var names = Manifest.GetProperty("ops").EnumerateArray()
            .Select(o => o.GetString()!.Replace("Increasing", "", StringComparison.Ordinal).Replace("Rel", "", StringComparison.Ordinal));
        Assert.Equal(names, Enum.GetNames<AugmentOperation>());
    }

    [Fact]
    public void Uncovered_corners_take_the_mean_gray_unless_the_reference_is_asked_for()
    {
        var white = new PixelImage(40, 40, 1, [.. Enumerable.Repeat((byte)255, 1600)]);
        var policy = RandAugment.For(Normalization.CxrMae);
        Assert.Equal(122, policy.Apply(white, AugmentOperation.Rotate, 27).Pixels[0]);
        Assert.Equal(127, RandAugment.For(Normalization.Mrm).Apply(white, AugmentOperation.Rotate, 27).Pixels[0]);
        Assert.Equal([122, 122, 122], policy.Apply(TestImages.AsRgb(white), AugmentOperation.Rotate, 27).Pixels[..3]);
        Assert.Equal([122, 0, 0], (policy with { ReferenceFill = true }).Apply(white, AugmentOperation.Rotate, 27).Pixels[..3]);
    }

    [Fact]
    public void Half_of_the_drawn_operations_are_applied()
    {
        // Inverting twice is the identity, so only one layer is counted: about half of the images come back as the same object.
        var image = TestImages.Noise(16, 16, 1);
        var policy = new RandAugment { Layers = 1 };
        var same = 0;
        for (var i = 0; i < 4_000; i++)
        {
            var random = SampleRandom.For(1, 0, i);
            if (ReferenceEquals(image, policy.Apply(image, ref random))) same++;
        }

        // Half, and one in fifteen of the rest: Color leaves gray alone.
        Assert.InRange(same / 4_000.0, .5 + .5 / 15 - .03, .5 + .5 / 15 + .03);
    }

    [Fact]
    public void Gray_equals_three_equal_channels_under_every_draw()
    {
        var gray = TestImages.Noise(33, 29, 1);
        foreach (var policy in new[] { new RandAugment { Layers = 4, Probability = 1 }, new RandAugment { ReferenceFill = true, Probability = 1 } })
        {
            for (var i = 0; i < 200; i++)
            {
                var (a, b) = (SampleRandom.For(2, 0, i), SampleRandom.For(2, 0, i));
                GoldenImages.Same(Grayscale.Convert(policy.Apply(TestImages.AsRgb(gray), ref a)), Grayscale.Convert(policy.Apply(gray, ref b)));
                Assert.Equal(a, b);
            }
        }
    }

    [Fact]
    public void Neutral_arguments_change_nothing()
    {
        var policy = new RandAugment();
        foreach (var channels in new[] { 1, 3 })
        {
            var image = TestImages.Noise(31, 17, channels);
            foreach (var (operation, argument) in new[]
            {
                (AugmentOperation.Rotate, 0.0), (AugmentOperation.Rotate, 360), (AugmentOperation.ShearX, 0), (AugmentOperation.ShearY, 0), (AugmentOperation.TranslateX, 0),
                (AugmentOperation.TranslateY, 0), (AugmentOperation.Posterize, 8), (AugmentOperation.Solarize, 256), (AugmentOperation.SolarizeAdd, 0), (AugmentOperation.Color, 1),
                (AugmentOperation.Contrast, 1), (AugmentOperation.Brightness, 1), (AugmentOperation.Sharpness, 1),
            })
                GoldenImages.Same(image, policy.Apply(image, operation, argument));
        }
    }

    [Fact]
    public void Inverting_twice_restores_the_image()
    {
        var (policy, image) = (new RandAugment(), TestImages.Noise(9, 8, 3));
        GoldenImages.Same(image, policy.Apply(policy.Apply(image, AugmentOperation.Invert, 0), AugmentOperation.Invert, 0));
    }

    [Fact]
    public void Images_of_one_pixel_and_of_one_value_pass_every_operation()
    {
        foreach (var operation in Enum.GetValues<AugmentOperation>())
            foreach (var image in new[] { new PixelImage(1, 1, 1, [7]), new PixelImage(2, 1, 3, new byte[6]), new PixelImage(1, 3, 1, [5, 5, 5]) })
                foreach (var negative in new[] { false, true })
                {
                    var result = new RandAugment().Apply(image, operation, AugmentMagnitude.Argument(operation, 9, negative));
                    Assert.Equal((image.Width, image.Height), (result.Width, result.Height));
                }
    }

    [Fact]
    public void Numbers_outside_their_range_are_refused()
    {
        Assert.Equal("Found 11; a magnitude lies between 0 and 10. (Parameter 'Magnitude')", Assert.Throws<ArgumentOutOfRangeException>(() => new RandAugment { Magnitude = 11 }).Message);
        Assert.Equal(
            "Found -1; a standard deviation is 0 or more. (Parameter 'MagnitudeStd')", Assert.Throws<ArgumentOutOfRangeException>(() => new RandAugment { MagnitudeStd = -1 }).Message);
        Assert.Equal(
            "Found NaN; a probability lies between 0 and 1. (Parameter 'Probability')",
            Assert.Throws<ArgumentOutOfRangeException>(() => new RandAugment { Probability = double.NaN }).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => new RandAugment { Layers = -1 });
    }

    [Fact]
    public void It_prints_its_policy()
    {
        Assert.Equal("RandAugment(2 of 15, magnitude 9 ± 0.5, probability 0.5, fill 122, bicubic)", new RandAugment().ToString());
        Assert.Equal("RandAugment(2 of 15, magnitude 9 ± 0.5, probability 0.5, fill (122, 0, 0), bicubic)", new RandAugment { ReferenceFill = true }.ToString());
    }
}

using System.Runtime.InteropServices;
using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Tests.Imaging;

public class ImagePipelineTests
{
    public static TheoryData<string> Names => [.. GoldenImages.Names];

    [Theory]
    [MemberData(nameof(Names))]
    public void Evaluation_equals_the_reference_to_the_last_bit_of_the_tensor(string name)
    {
        var outputs = GoldenImages.Outputs(name);
        foreach (var image in new[] { GoldenImages.Source(name), TestImages.AsRgb(GoldenImages.Source(name)) })
        {
            foreach (var (key, normalization) in new[] { ("mrm", Normalization.Mrm), ("cxrmae", Normalization.CxrMae) })
            {
                var random = new SampleRandom(0);
                var pipeline = ImagePipeline.Evaluate(224, normalization);
                GoldenImages.Same(GoldenImages.Load("images", outputs.GetProperty("medpeft_eval_sgd_R224_C224_gray")), pipeline.Transform(image, ref random));
                var tensor = new float[3 * 224 * 224];
                pipeline.Run(image, ref random, tensor);
                var expected = outputs.GetProperty("medpeft_eval_sgd_tensor_" + key).GetProperty("sha256_f32le").GetString();
                for (var c = 0; c < 3; c++)
                    Assert.Equal(expected, GoldenImages.Hash(MemoryMarshal.AsBytes(tensor.AsSpan(c * 224 * 224, 224 * 224))));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Resizing_to_256_and_cropping_to_224_equals_the_reference(string name)
    {
        var expected = GoldenImages.Load("images", GoldenImages.Outputs(name).GetProperty("medpeft_eval_adamw_R256_C224_gray"));
        var pipeline = new ImagePipeline([new Resize(256), new CenterCrop(224)], Normalization.None, 224);
        var random = new SampleRandom(0);
        GoldenImages.Same(expected, pipeline.Transform(GoldenImages.Source(name), ref random));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void A_gray_image_gives_what_its_three_equal_channels_give(int channels)
    {
        var gray = TestImages.Noise(97, 61, 1);
        var pipeline = new ImagePipeline([new RandomResizedCrop(32), new HorizontalFlip(), new Grayscale()], Normalization.Mrm, 32, channels);
        for (var i = 0; i < 20; i++)
            Assert.Equal(Run(pipeline, gray, i), Run(pipeline, TestImages.AsRgb(gray), i));
    }

    [Fact]
    public void A_color_image_without_gray_conversion_keeps_its_channels()
    {
        var image = TestImages.Noise(8, 8, 3);
        var result = Run(new ImagePipeline([], Normalization.None, 8), image, 0);
        for (var c = 0; c < 3; c++)
            for (var i = 0; i < 64; i++) Assert.Equal(image.Pixels[i * 3 + c] / 255f, result[c * 64 + i]);
    }

    [Fact]
    public void A_color_image_becomes_luma_where_the_network_takes_one_channel()
    {
        var result = Run(new ImagePipeline([], Normalization.None, 1, 1), new PixelImage(1, 1, 3, [122, 0, 0]), 0);
        Assert.Equal([36 / 255f], result);
    }

    [Fact]
    public void Fused_steps_equal_the_single_ones_at_every_size()
    {
        for (var i = 0; i < 60; i++)
        {
            var random = new SampleRandom((ulong)i);
            var image = TestImages.Noise(random.NextInt(1, 60), random.NextInt(1, 60), 1 + 2 * random.NextInt(0, 1), (ulong)i);
            var (resize, crop) = (new Resize(random.NextInt(1, 50)), new CenterCrop(random.NextInt(1, 50)));
            var single = crop.Apply(resize.Apply(image, ref random), ref random);
            GoldenImages.Same(single, new ImagePipeline([resize, crop], Normalization.None, crop.Size).Transform(image, ref random));
        }
    }

    [Fact]
    public void The_same_sample_gives_the_same_numbers_on_every_thread()
    {
        var image = TestImages.Noise(300, 200, 1);
        var pipeline = ImagePipeline.Train(64, Normalization.Mrm);
        var expected = Enumerable.Range(0, 32).Select(i => Run(pipeline, image, i)).ToArray();
        Parallel.For(0, 128, i => Assert.Equal(expected[i % 32], Run(pipeline, image, i % 32)));
        Assert.NotEqual(expected[0], expected[1]);
    }

    [Fact]
    public void Pipelines_print_as_chains()
    {
        Assert.Equal(
            "RandomResizedCrop(224, scale 0.08-1, ratio 0.75-1.333, bicubic) -> HorizontalFlip(0.5) -> Grayscale -> Normalize(mean 0.4978, std 0.2449)",
            ImagePipeline.Train(224, Normalization.Mrm).ToString());
        Assert.Equal(
            "Resize(224, bicubic) -> CenterCrop(224) -> Grayscale -> Normalize(mean 0.4785, std 0.2834)",
            ImagePipeline.Evaluate(224, Normalization.CxrMae).ToString());
    }

    [Fact]
    public void The_AdamW_pipelines_print_as_the_reference_has_them()
    {
        Assert.Equal(
            "RandomResizedCrop(224, scale 0.08-1, ratio 0.75-1.333, bicubic) -> HorizontalFlip(0.5) -> "
            + "RandAugment(2 of 15, magnitude 9 ± 0.5, probability 0.5, fill 127, bicubic) -> Grayscale -> Normalize(mean 0.4978, std 0.2449) -> "
            + "RandomErasing(0.25, area 0.02-0.333, aspect 0.3-3.333)",
            ImagePipeline.MedPeftAdamWTrain(224, Normalization.Mrm).ToString());
        Assert.Equal(
            "Resize(256, bicubic) -> CenterCrop(224) -> Grayscale -> Normalize(mean 0.4785, std 0.2834)",
            ImagePipeline.MedPeftAdamWEvaluate(224, Normalization.CxrMae).ToString());
        Assert.Contains("fill (122, 0, 0)", ImagePipeline.MedPeftAdamWTrain(224, Normalization.CxrMae, referenceFill: true).ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AdamW_training_gives_a_gray_image_what_its_three_equal_channels_get(bool referenceFill)
    {
        var gray = TestImages.Noise(97, 61, 1);
        var pipeline = ImagePipeline.MedPeftAdamWTrain(32, Normalization.CxrMae, referenceFill);
        for (var i = 0; i < 50; i++)
            Assert.Equal(Run(pipeline, gray, i), Run(pipeline, TestImages.AsRgb(gray), i));
    }

    [Fact]
    public void AdamW_training_is_the_same_on_every_thread_and_in_every_run()
    {
        var image = TestImages.Noise(200, 150, 1);
        var pipeline = ImagePipeline.MedPeftAdamWTrain(48, Normalization.CxrMae);
        var expected = Enumerable.Range(0, 64).Select(i => Run(pipeline, image, i)).ToArray();
        Parallel.For(0, 256, i => Assert.Equal(expected[i % 64], Run(pipeline, image, i % 64)));
    }

    [Fact]
    public void Tensor_transforms_see_the_normalised_numbers()
    {
        var pipeline = new ImagePipeline([], new Normalization(.5f, .5f), 2, 3, [new Twice()]);
        Assert.Equal(Enumerable.Repeat(2f, 12), Run(pipeline, new PixelImage(2, 2, 1, [255, 255, 255, 255]), 0));
    }

    [Fact]
    public void A_chain_that_ends_at_another_size_is_refused()
    {
        var pipeline = new ImagePipeline([new Resize(8)], Normalization.None, 8);
        var error = Assert.Throws<ArgumentException>(() => Run(pipeline, TestImages.Noise(20, 10, 1), 0));
        Assert.Equal("The pipeline ends at 16x8 pixels and the network takes 8x8. End it with CenterCrop(8).", error.Message);
    }

    [Fact]
    public void A_destination_of_another_length_is_refused()
    {
        var random = new SampleRandom(0);
        var error = Assert.Throws<ArgumentException>(() => ImagePipeline.Evaluate(8, Normalization.None).Run(TestImages.Noise(8, 8, 1), ref random, new float[64]));
        Assert.Equal("The destination holds 64 numbers; 3x8x8 need 192. (Parameter 'destination')", error.Message);
    }

    [Fact]
    public void A_standard_deviation_of_zero_is_refused()
    {
        var error = Assert.Throws<ArgumentException>(() => ImagePipeline.Evaluate(8, new Normalization(.5f, 0)));
        Assert.Equal("Found mean 0.5 and std 0; the standard deviation must be above 0 and both finite.", error.Message);
    }

    private static float[] Run(ImagePipeline pipeline, PixelImage image, int index)
    {
        var random = SampleRandom.For(7, 0, index);
        var result = new float[pipeline.Channels * pipeline.Size * pipeline.Size];
        pipeline.Run(image, ref random, result);
        return result;
    }

    private sealed record Twice : ITensorTransform
    {
        public void Apply(Span<float> tensor, int channels, int height, int width, ref SampleRandom random)
        {
            Assert.Equal((3, 2, 2), (channels, height, width));
            foreach (ref var value in tensor) value *= 2;
        }
    }
}

using MedPeft.Lora.Training;
using MedPeft.Lora.Vision;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Vision;

/// <summary>One channel against three equal ones.</summary>
public class PatchEmbeddingTests
{
    private static readonly ViTConfig Small = ViTConfig.Tiny16 with { ImageSize = 32, Depth = 2, Outputs = 3 };

    [Fact]
    public void A_gray_image_of_one_channel_is_three_equal_ones_and_so_are_the_gradients()
    {
        using var scope = NewDisposeScope();
        using var vit = new VisionTransformer(Small, seed: 1);
        var gray = Gray(2);
        var (one, ofOne) = Pass(vit, gray);
        var (three, ofThree) = Pass(vit, gray.expand(-1, 3, -1, -1).contiguous());
        TensorAssert.Close(three, one, 1e-5, "output");
        foreach (var ((name, expected), (_, found)) in ofThree.Zip(ofOne)) TensorAssert.Close(expected, found, 1e-4, name);
    }

    [Fact]
    public void An_adapted_projection_sees_the_channels_that_it_has()
    {
        using var scope = NewDisposeScope();
        using var vit = new VisionTransformer(Small, seed: 2);
        var adapter = vit.InjectLora(new LoraConfig { Rank = 2, Targets = ["patch_embed.proj"] });
        using (no_grad()) foreach (var (name, parameter) in vit.named_parameters()) if (name.Contains("lora_B", StringComparison.Ordinal)) parameter.fill_(.1f);
        vit.eval();
        var gray = Gray(2);
        TensorAssert.Close(vit.call(gray.expand(-1, 3, -1, -1)), vit.call(gray), 1e-5, "output");
        adapter.Merge();
        TensorAssert.Close(vit.call(gray.expand(-1, 3, -1, -1)), vit.call(gray), 1e-5, "merged");
    }

    [Fact]
    public void A_model_in_bfloat16_takes_it_too()
    {
        using var scope = NewDisposeScope();
        using var vit = new VisionTransformer(Small, seed: 3);
        vit.eval();
        vit.to(ScalarType.BFloat16);
        var gray = Gray(2).to(ScalarType.BFloat16);
        TensorAssert.Close(vit.call(gray.expand(-1, 3, -1, -1)), vit.call(gray), .02, "output");
    }

    [Fact]
    public void The_half_precision_of_a_training_run_changes_nothing_about_it()
    {
        using var scope = NewDisposeScope();
        using var vit = new VisionTransformer(Small, seed: 4);
        foreach (var parameter in vit.parameters()) parameter.requires_grad = false;
        vit.eval();
        var gray = Gray(2);
        using var precision = PrecisionScope.Enter(vit, new TrainingOptions { Precision = Precision.BFloat16 }, CPU);
        TensorAssert.Close(vit.call(gray.expand(-1, 3, -1, -1)), vit.call(gray), .02, "output");
    }

    [Fact]
    public void A_masked_autoencoder_paints_channels_and_takes_no_single_one()
    {
        using var scope = NewDisposeScope();
        using var mae = new MaskedAutoencoder(new MaskedAutoencoderConfig { Encoder = Small, DecoderDim = 32, DecoderDepth = 1, DecoderHeads = 2 });
        Assert.Contains("found [2, 1, 32, 32]", Assert.Throws<ArgumentException>(() => mae.call(Gray(2))).Message, StringComparison.Ordinal);
    }

    private static (Tensor Output, List<(string Name, Tensor Gradient)> Gradients) Pass(VisionTransformer vit, Tensor images)
    {
        vit.zero_grad();
        var output = vit.call(images);
        output.sin().sum().backward();
        return (output, [.. vit.named_parameters().Where(entry => entry.parameter.grad is not null).Select(entry => (entry.name, entry.parameter.grad!.clone()))]);
    }

    private static Tensor Gray(int images)
    {
        using var draws = new Generator(9, CPU);
        return randn(images, 1, 32, 32, generator: draws);
    }
}

using MedPeft.Lora.Vision;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Vision;

public class VisionTransformerTests
{
    private static readonly ViTConfig Small = new() { ImageSize = 32, PatchSize = 8, EmbedDim = 48, Depth = 3, Heads = 3 };

    [Fact]
    public void Base_has_the_published_number_of_parameters()
    {
        using var vit = new VisionTransformer(ViTConfig.Base16);

        Assert.Equal(85_809_422, vit.parameters().Sum(parameter => parameter.numel()));
    }

    [Fact]
    public void Names_and_their_order_are_those_of_timm()
    {
        using var vit = new VisionTransformer(Small with { Depth = 1 });

        Assert.Equal(
            [
                "cls_token", "pos_embed", "patch_embed.proj.weight", "patch_embed.proj.bias",
                "blocks.0.norm1.weight", "blocks.0.norm1.bias", "blocks.0.attn.qkv.weight", "blocks.0.attn.qkv.bias", "blocks.0.attn.proj.weight", "blocks.0.attn.proj.bias",
                "blocks.0.norm2.weight", "blocks.0.norm2.bias", "blocks.0.mlp.fc1.weight", "blocks.0.mlp.fc1.bias", "blocks.0.mlp.fc2.weight", "blocks.0.mlp.fc2.bias",
                "fc_norm.weight", "fc_norm.bias", "head.weight", "head.bias",
            ],
            vit.state_dict().Keys);
    }

    [Fact]
    public void The_class_token_is_pooled_through_norm()
    {
        using var vit = new VisionTransformer(Small with { Pooling = ViTPooling.ClassToken, Outputs = 0 });
        using var features = vit.call(zeros(2, 3, 32, 32));

        Assert.Contains("norm.weight", vit.state_dict().Keys);
        Assert.DoesNotContain("fc_norm.weight", vit.state_dict().Keys);
        Assert.Equal([2, 48], features.shape);
    }

    [Fact]
    public void The_same_seed_makes_the_same_model_and_leaves_torchs_generator_alone()
    {
        using var before = random.get_rng_state();
        using VisionTransformer first = new(Small, seed: 7), second = new(Small, seed: 7), other = new(Small, seed: 8);
        using var after = random.get_rng_state();

        foreach (var ((name, a), (_, b)) in first.named_parameters().Zip(second.named_parameters())) TensorAssert.Same(a, b, name);
        Assert.False(first.named_parameters().First(p => p.name == "blocks.0.attn.qkv.weight").parameter.equal(
            other.named_parameters().First(p => p.name == "blocks.0.attn.qkv.weight").parameter).all().item<bool>());
        TensorAssert.Same(before, after, "generator");
    }

    [Fact]
    public void A_model_outlives_the_dispose_scope_it_was_made_in()
    {
        VisionTransformer vit;
        using (NewDisposeScope()) vit = new VisionTransformer(Small with { LayerScale = 1e-5, RegisterTokens = 4 });
        using (vit)
        {
            using var logits = vit.call(zeros(1, 3, 32, 32));
            Assert.Equal([1, 14], logits.shape);
        }
    }

    [Fact]
    public void A_forward_and_backward_pass_leaves_no_tensor_behind()
    {
        using var vit = new VisionTransformer(Small with { DropPath = .5 });
        using var images = randn(4, 3, 32, 32);
        void Pass()
        {
            using var logits = vit.call(images);
            using var sum = logits.sum();
            sum.backward();
            vit.zero_grad(true);
        }

        Pass();
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        for (var i = 0; i < 5; i++) Pass();

        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Theory]
    [InlineData(ViTPooling.MeanPatches, 0)]
    [InlineData(ViTPooling.MeanPatches, 3)]
    [InlineData(ViTPooling.ClassToken, 0)]
    [InlineData(ViTPooling.ClassToken, 3)]
    public void What_pooling_leaves_out_is_not_computed_and_changes_nothing(ViTPooling pooling, int registers)
    {
        using var scope = NewDisposeScope();
        using var vit = new VisionTransformer(Small with { DropPath = .5, Pooling = pooling, RegisterTokens = registers, LayerScale = .1, Outputs = 14 });
        using (no_grad()) vit.get_parameter("head.weight")!.mul_(1000); // it starts close to zero
        var images = randn(6, 3, 32, 32);
        (Tensor Logits, List<Tensor> Gradients) Pass()
        {
            vit.zero_grad(true);
            manual_seed(5);
            var logits = vit.call(images);
            logits.mul(logits).sum().backward();
            return (logits, [.. vit.parameters().Where(p => p.grad is not null).Select(p => p.grad!.clone())]);
        }

        var pooled = Pass();
        var last = (nn.Module<Tensor, Tensor>)vit.named_modules().Single(m => m.name == $"blocks.{Small.Depth - 1}").module;
        var heard = 0L;
        last.register_forward_hook((_, _, tokens) =>
        {
            heard = tokens.shape[1];
            return tokens;
        });
        var full = Pass();

        Assert.Equal(vit.Config.PrefixTokens + vit.Config.Patches, heard);
        Close(full.Logits, pooled.Logits);
        Assert.Equal(full.Gradients.Count, pooled.Gradients.Count);
        foreach (var (expected, actual) in full.Gradients.Zip(pooled.Gradients)) Close(expected, actual);

        static void Close(Tensor expected, Tensor actual) =>
            Assert.InRange(expected.sub(actual).abs().max().item<float>(), 0, 2e-5f * Math.Max(1e-3f, expected.abs().max().item<float>()));
    }

    [Fact]
    public void Images_of_another_shape_are_refused_by_name()
    {
        using var vit = new VisionTransformer(Small);

        var error = Assert.Throws<ArgumentException>(() => vit.call(zeros(1, 2, 32, 32)));

        Assert.Equal(
            "This vision transformer takes images of [batch, 3, 32, 32]; found [1, 2, 32, 32]. Resize the images, or load the model with another ImageSize (its position embeddings are then interpolated). (Parameter 'images')",
            error.Message);
    }

    [Fact]
    public void Sizes_that_do_not_divide_are_refused()
    {
        Assert.Equal("ImageSize 30 is not a multiple of PatchSize 8. The nearest that fit: 24 and 32.", Assert.Throws<ArgumentException>(() => new VisionTransformer(Small with { ImageSize = 30 })).Message);
        Assert.Equal("EmbedDim 48 is not divisible by Heads 5; each head takes EmbedDim/Heads channels.", Assert.Throws<ArgumentException>(() => new VisionTransformer(Small with { Heads = 5 })).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => Small with { Depth = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => Small with { DropPath = 1 });
    }

    [Fact]
    public void Stochastic_depth_keeps_the_expectation_and_rests_in_eval()
    {
        using var plain = new VisionTransformer(Small with { Depth = 2, Outputs = 0 });
        using var dropping = new VisionTransformer(Small with { Depth = 2, Outputs = 0, DropPath = .5 });
        using var image = randn(1, 3, 32, 32);
        plain.eval();
        dropping.eval();
        using Tensor expected = plain.call(image), rested = dropping.call(image);
        TensorAssert.Same(expected, rested, "eval");

        // Block 1 of 2 drops each branch with rate .5: the four cases of one sample, weighted by their scale, are what training must give.
        dropping.train();
        using var guard = no_grad();
        using var many = image.expand(400, -1, -1, -1);
        using var outputs = dropping.call(many);
        var distinct = outputs.data<float>().ToArray().Chunk(48).Select(row => string.Join(',', row.Select(v => MathF.Round(v, 3)))).Distinct().Count();
        Assert.Equal(4, distinct);
    }

    [Fact]
    public void Bfloat16_attention_agrees_with_float32()
    {
        using var vit = new VisionTransformer(Small);
        using var image = randn(2, 3, 32, 32);
        vit.eval();
        using var guard = no_grad();
        using var exact = vit.call(image);
        vit.to(ScalarType.BFloat16);
        using var half = image.to(ScalarType.BFloat16);
        using var rounded = vit.call(half);

        TensorAssert.Close(exact, rounded, .05, "logits");
    }
}

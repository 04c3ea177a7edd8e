using static TorchSharp.torch;

namespace MedPeft.Lora.Tests;

public class LoraConv2dTests
{
    public static TheoryData<string, Func<TorchSharp.Modules.Conv2d>, long> Layers => new()
    {
        { "plain", () => nn.Conv2d(4, 6, 3), 1 },
        { "patches", () => nn.Conv2d(4, 6, 4, stride: 4), 1 },
        { "stride, padding, dilation", () => nn.Conv2d(4, 6, (3, 2), stride: (2, 1), padding: (2, 1), dilation: (1, 2)), 1 },
        { "groups", () => nn.Conv2d(4, 6, 3, padding: 1, groups: 2), 2 },
        { "depthwise", () => nn.Conv2d(4, 8, 3, groups: 4, bias: false), 4 },
        { "reflected", () => nn.Conv2d(4, 6, (3, 5), padding: (1, 2), padding_mode: PaddingModes.Reflect), 1 },
        { "circular", () => nn.Conv2d(4, 6, 3, stride: 2, padding: 2, padding_mode: PaddingModes.Circular), 1 },
        { "replicated", () => nn.Conv2d(4, 6, 3, padding: 1, dilation: 2, padding_mode: PaddingModes.Replicate), 1 },
        { "same", () => nn.Conv2d(4, 6, (3, 4), padding: Padding.Same), 1 },
        { "valid", () => nn.Conv2d(4, 6, 3, padding: Padding.Valid), 1 },
        { "same, replicated", () => nn.Conv2d(4, 6, (3, 4), padding: Padding.Same, padding_mode: PaddingModes.Replicate), 1 },
        { "double", () => nn.Conv2d(4, 6, 3, dtype: ScalarType.Float64), 1 },
    };

    [Theory, MemberData(nameof(Layers))]
    public void It_starts_bit_equal_and_merges_into_the_same_outputs(string kind, Func<TorchSharp.Modules.Conv2d> make, long groups)
    {
        foreach (var dora in new[] { false, true })
        {
            using var convolution = make();
            using var x = randn([2, 4, 9, 11]).to(convolution.weight.dtype);
            using var before = convolution.forward(x);
            using var weight = convolution.weight.clone();
            using var lora = new LoraConv2d(convolution, new LoraConfig { Rank = 2, Alpha = 6, Dora = dora });
            using (var fresh = lora.call(x)) Assert.True(Bits.Equal(before, fresh), kind);
            Assert.Equal([2 * groups, 4 / groups, .. weight.shape[2..]], lora.A.shape);
            Assert.Equal([weight.shape[0], 2, 1, 1], lora.B.shape);

            using (no_grad())
            {
                lora.B.normal_(0, .3);
                lora.Magnitude?.mul_(1.25);
            }
            using var adapted = lora.call(x);
            adapted.square().sum().backward();
            Assert.All(lora.Adapter, entry => Assert.True(entry.Value.grad!.abs().sum().to(ScalarType.Float32).item<float>() > 0));
            Assert.Null(convolution.weight.grad);
            lora.Merge();
            using var merged = lora.call(x);
            Assert.False(allclose(before, merged));
            Assert.True(allclose(adapted, merged, rtol: 1e-4, atol: 1e-4), kind);
            lora.Unmerge();
            Assert.True(Bits.Equal(weight, convolution.weight));
        }
    }

    [Fact]
    public void A_rank_above_the_layers_or_blocks_are_refused()
    {
        using var convolution = nn.Conv2d(4, 6, 3, groups: 2);
        Assert.Equal("Rank 4 is above what the layer can hold (18 weights an output, 3 outputs a group); choose a rank of at most 3.",
            Assert.Throws<LoraException>(() => new LoraConv2d(convolution, new LoraConfig { Rank = 4 })).Message);
        Assert.Equal("the layer is a Conv2d: Blocks [Query] fits a fused qkv layer only. Leave Blocks null to adapt the whole layer.",
            Assert.Throws<LoraException>(() => new LoraConv2d(convolution, new LoraConfig { Rank = 1, Blocks = [LoraBlock.Query] })).Message);
    }

    [Fact]
    public void It_goes_into_a_model_and_moves_with_it()
    {
        using var model = nn.Sequential(("conv", nn.Conv2d(3, 6, 3)), ("act", nn.ReLU()), ("pool", nn.AdaptiveAvgPool2d(1)), ("flat", nn.Flatten()), ("head", nn.Linear(6, 2)));
        var lora = model.InjectLora(new LoraConfig { Rank = 2, Targets = ["conv"], Dora = true });
        Assert.Equal(["conv.weight", "conv.bias", "conv.lora_A.weight", "conv.lora_B.weight", "conv.lora_magnitude_vector", "head.weight", "head.bias"], model.state_dict().Keys);
        model.to(ScalarType.Float64);
        using var x = randn([2, 3, 8, 8], dtype: ScalarType.Float64);
        model.call(x).Dispose();
        Assert.Equal(ScalarType.Float64, lora.Layer<LoraLayer>("conv").Magnitude!.dtype);
        Assert.Equal("conv Conv2d r=2 α=8 DoRA 72", lora.Layers[0].ToString());
    }

    [Theory]
    [InlineData(ScalarType.Float32, 1, 1e-5)]
    [InlineData(ScalarType.Float32, 2, 1e-5)]
    [InlineData(ScalarType.BFloat16, 1, .03)]
    public void Results_and_gradients_do_not_depend_on_what_memory_held(ScalarType type, int stride, double tolerance)
    {
        using var scope = NewDisposeScope();
        using var convolution = nn.Conv2d(64, 32, 3, stride: stride, padding: 1, bias: false);
        using var layer = new LoraConv2d(convolution, new LoraConfig { Rank = 4, Seed = 1 });
        using (no_grad()) layer.B.normal_(0, .1, new Generator(2));
        var input = randn([2, 64, 8, 8], generator: new Generator(3));
        var exact = Run(ScalarType.Float64);
        var found = Run(type);
        Assert.True(allclose(exact.Output, found.Output, rtol: 0, atol: tolerance * exact.Output.abs().max().item<double>()));
        Assert.True(allclose(exact.Gradient, found.Gradient, rtol: 0, atol: tolerance * exact.Gradient.abs().max().item<double>()));

        (Tensor Output, Tensor Gradient) Run(ScalarType run)
        {
            layer.to(run);
            var x = input.to(run).requires_grad_();
            LeaveNaNs();
            var output = layer.call(x);
            LeaveNaNs();
            output.sum().backward();
            return (output.detach().to(ScalarType.Float64), x.grad!.to(ScalarType.Float64));
        }

        // What is freed is handed out again as it is.
        static void LeaveNaNs()
        {
            var blocks = Enumerable.Range(6, 12).SelectMany(bits => Enumerable.Repeat(1L << bits, 30)).Select(size => full(new[] { size }, float.NaN)).ToList();
            foreach (var block in blocks) block.Dispose();
        }
    }
}

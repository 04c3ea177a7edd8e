using MedPeft.Lora.Tests.Injection;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Methods;

/// <summary>(IA)³, by the checks of its paper.</summary>
public class Ia3LayerTests
{
    private static readonly Ia3Config Whole = new() { Blocks = null };
    private static readonly Ia3Config KeysAndValues = new();

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    public void It_starts_bit_equal_merges_trains_and_has_the_right_gradients(bool scalesInput, bool fused)
    {
        var config = fused ? KeysAndValues : Whole;
        LayerChecks.FollowsTheTypeOfItsLayer(type => nn.Linear(7, 6, dtype: type), layer => new Ia3Layer(layer, config, scalesInput), 3, 7);
        LayerChecks.GradientsEqualFiniteDifferences(new Ia3Layer(nn.Linear(7, fused ? 6 : 5, dtype: ScalarType.Float64), config, scalesInput), 3, 7);
        LayerChecks.TrainingChangesOnlyWhatIsTrained(new Ia3Layer(nn.Linear(7, 6), config, scalesInput), 16, 7);
        LayerChecks.MergesAndUnmerges(new Ia3Layer(nn.Linear(7, 6), config, scalesInput), 3, 7);
    }

    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, 1)]
    [InlineData(false, 2)]
    [InlineData(true, 2)]
    public void So_it_does_for_convolutions(bool scalesInput, int groups)
    {
        LayerChecks.FollowsTheTypeOfItsLayer(type => nn.Conv2d(4, 6, 3, padding: 1, groups: groups, dtype: type), layer => new Ia3Layer(layer, Whole, scalesInput), 2, 4, 5, 5);
        LayerChecks.GradientsEqualFiniteDifferences(new Ia3Layer(nn.Conv2d(4, 6, 3, groups: groups, dtype: ScalarType.Float64), Whole, scalesInput), 1, 4, 3, 4);
        LayerChecks.MergesAndUnmerges(new Ia3Layer(nn.Conv2d(4, 6, 3, groups: groups), Whole, scalesInput), 2, 4, 5, 5);
    }

    [Fact]
    public void The_parameters_have_PEFTs_names_and_shapes()
    {
        using var whole = new Ia3Layer(nn.Linear(7, 6), Whole);
        using var input = new Ia3Layer(nn.Linear(7, 6), Whole, scalesInput: true);
        using var fused = new Ia3Layer(nn.Linear(7, 6), KeysAndValues);
        using var convolution = new Ia3Layer(nn.Conv2d(4, 6, 3, groups: 2), Whole, scalesInput: true);
        Assert.Equal(["weight", "bias", "ia3_l"], whole.state_dict().Keys);
        Assert.Equal([6, 1], whole.L.shape);
        Assert.Equal([1, 7], input.L.shape);
        Assert.Equal([4, 1], fused.L.shape);
        Assert.Equal([1, 4, 1, 1], convolution.L.shape);
        Assert.Equal(1, whole.L.min().item<float>());
    }

    [Fact]
    public void Keys_and_values_are_rescaled_and_queries_keep_every_bit()
    {
        using var linear = nn.Linear(4, 6);
        using var x = randn(3, 4);
        using var plain = linear.call(x);
        using var layer = new Ia3Layer(linear, KeysAndValues);
        LayerChecks.Fill(layer);
        using var y = layer.call(x);
        Assert.True(Bits.Equal(plain[.., 0..2], y[.., 0..2]));
        Assert.True(allclose(plain[.., 2..6] * layer.L.view(-1), y[.., 2..6]));
    }

    [Fact]
    public void A_model_is_rescaled_where_the_paper_says()
    {
        using var model = SelectionTests.Transformer();
        var config = new Ia3Config { Targets = ["qkv", "fc1"], Feedforward = ["fc1"], Trainable = ["head"] };
        var plan = model.PlanAdapter(config);
        var adapter = model.InjectAdapter(config);
        Assert.Equal(plan.Parameters, adapter.Parameters);
        Assert.Equal(2 * (16 + 8) + 27, adapter.Parameters.Trained);
        Assert.Equal("blocks.0.attn.qkv Linear (IA)³ [Key, Value] 16", adapter.Layers[0].ToString());
        Assert.Equal("blocks.0.mlp.fc1 Linear (IA)³ input 8", adapter.Layers[1].ToString());
        foreach (var layer in adapter.Layers) LayerChecks.Fill(adapter.Layer(layer.Path));
        using var x = randn(2, 5, 8);
        using var adapted = model.call(x);
        adapter.Merge();
        using var merged = model.call(x);
        Assert.True(allclose(adapted, merged, rtol: 1e-4, atol: 1e-5));
        Assert.Contains("(IA)³ input", adapter.Describe().ToString(), StringComparison.Ordinal);
    }

    public static TheoryData<Action<nn.Module>, string> Wrong => new()
    {
        { model => model.InjectAdapter(new Ia3Config { Targets = ["qkv"], Feedforward = ["fc9"] }), "No adapted layer matches Feedforward [\"fc9\"]. Adapted layers: blocks.0.attn.qkv, … (2)." },
        { model => model.InjectAdapter(new Ia3Config { Targets = ["qkv", "fc1"], Feedforward = [] }), "Blocks [Key, Value] fits a fused qkv such as 'blocks.0.attn.qkv', but 'blocks.0.mlp.fc1' is to be adapted as well, which is none. Adapt the two by two calls of InjectLora, the second without Blocks." },
        { model => model.InjectAdapter(new Ia3Config { Targets = ["proj"] }), "'blocks.0.attn.proj' has 8 outputs, which is no multiple of 3: Blocks [Key, Value] fits a fused qkv layer only. Set Blocks to null to rescale the whole layer." },
        { model => model.InjectAdapter(new Ia3Config { Targets = ["fc_norm"] }), "'fc_norm' matches Targets [\"fc_norm\"], but is of type LayerNorm, not Linear or Conv2d." },
        { _ => new Ia3Layer(nn.Conv2d(3, 4, 3), new Ia3Config()).Dispose(), "the layer is a Conv2d: Blocks [Key, Value] fits a fused qkv layer only. Set Blocks to null to rescale the whole layer." },
        { _ => nn.Linear(4, 6).InjectAdapter(new Ia3Config()), "The model is itself a Linear layer, which has no place to put an adapter in. Adapt it by new Ia3Layer(layer, config)." },
        { _ => new Ia3Layer(nn.GELU(), new Ia3Config()).Dispose(), "The layer is of type GELU, not Linear or Conv2d." },
    };

    [Theory, MemberData(nameof(Wrong))]
    public void What_does_not_fit_is_refused(Action<nn.Module> inject, string message)
    {
        using var model = SelectionTests.Transformer();
        Assert.Equal(message, Assert.Throws<LoraException>(() => inject(model)).Message);
    }

    [Fact]
    public void The_configuration_is_a_value_that_prints()
    {
        Assert.Equal(new Ia3Config(), new Ia3Config { Targets = ["qkv", "fc2"], Feedforward = ["fc2"], Blocks = [LoraBlock.Value, LoraBlock.Key] });
        Assert.NotEqual(new Ia3Config(), Whole);
        Assert.Equal("Ia3Config { Targets = [\"qkv\", \"fc2\"], Feedforward = [\"fc2\"], Blocks = [Key, Value] }", new Ia3Config().ToString());
        Assert.Equal("Blocks is empty; name at least one of Query, Key and Value, or leave it null to adapt the whole layer. (Parameter 'Blocks')", Assert.Throws<ArgumentException>(() => new Ia3Config { Blocks = [] }).Message);
    }
}

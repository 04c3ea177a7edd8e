using MedPeft.Lora.Vision;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Methods;

/// <summary>SSF, by the checks of its paper.</summary>
public class SsfLayerTests
{
    private static readonly SsfConfig Config = new();

    public static TheoryData<string> Kinds => ["Linear", "Linear without bias", "Conv2d", "LayerNorm", "BatchNorm2d"];

    [Theory, MemberData(nameof(Kinds))]
    public void It_starts_bit_equal_merges_trains_and_has_the_right_gradients(string kind)
    {
        long[] shape = kind is "Conv2d" or "BatchNorm2d" ? [2, 4, 3, 3] : [3, 7];
        LayerChecks.FollowsTheTypeOfItsLayer(type => Make(kind, type), layer => new SsfLayer(layer, Config), shape);
        LayerChecks.GradientsEqualFiniteDifferences(new SsfLayer(Make(kind, ScalarType.Float64), Config), shape);
        LayerChecks.TrainingChangesOnlyWhatIsTrained(new SsfLayer(Make(kind, ScalarType.Float32), Config), shape);
        LayerChecks.MergesAndUnmerges(new SsfLayer(Make(kind, ScalarType.Float32), Config), shape);
    }

    [Fact]
    public void Merged_it_is_the_scaled_weight_and_the_scaled_and_shifted_bias()
    {
        using var linear = nn.Linear(7, 5);
        using var layer = new SsfLayer(linear, Config);
        LayerChecks.Fill(layer);
        using var weight = linear.weight * layer.Scale.unsqueeze(1);
        using var bias = linear.bias! * layer.Scale + layer.Shift!;
        layer.Merge();
        Assert.True(allclose(weight, linear.weight, rtol: 1e-6, atol: 1e-7) && allclose(bias, linear.bias!, rtol: 1e-6, atol: 1e-7));
    }

    [Fact]
    public void A_vision_transformer_is_scaled_after_every_operation_and_merges_away()
    {
        using var vit = new VisionTransformer(new ViTConfig { ImageSize = 8, PatchSize = 4, EmbedDim = 8, Depth = 2, Heads = 2, Outputs = 3 });
        vit.eval();
        var keys = vit.state_dict().Keys.ToList();
        using var x = randn(2, 3, 8, 8);
        using var before = vit.call(x);
        var plan = vit.PlanAdapter(Config);
        var adapter = vit.InjectAdapter(Config);
        Assert.Equal(plan.Parameters, adapter.Parameters);
        Assert.Equal(2 * (8 + 2 * (24 + 8 + 32 + 8 + 8 + 8)), adapter.Parameters.Trained);
        Assert.Equal("patch_embed.proj Conv2d SSF 16", adapter.Layers[0].ToString());
        using (var fresh = vit.call(x)) Assert.True(Bits.Equal(before, fresh));
        foreach (var layer in adapter.Layers) LayerChecks.Fill(adapter.Layer(layer.Path), .1);
        using var adapted = vit.call(x);
        Assert.False(Bits.Equal(before, adapted));
        adapter.MergeAndRemove();
        using var merged = vit.call(x);
        Assert.True(allclose(adapted, merged, rtol: 1e-3, atol: 1e-6));
        Assert.Equal(keys, vit.state_dict().Keys);
    }

    [Fact]
    public void What_has_nothing_to_merge_into_is_refused()
    {
        Assert.Equal("The layer is of type GELU, not Linear, Conv2d, LayerNorm or BatchNorm2d.", Assert.Throws<LoraException>(() => new SsfLayer(nn.GELU(), Config)).Message);
        Assert.Equal("the layer is a LayerNorm without a weight, which has nothing to merge a scale into. Leave it out of Targets.",
            Assert.Throws<LoraException>(() => new SsfLayer(nn.LayerNorm([4], elementwise_affine: false), Config)).Message);
        Assert.Equal("the layer is a LayerNorm over 2 dimensions; SSF has one scale a channel, the last dimension. Leave it out of Targets.",
            Assert.Throws<LoraException>(() => new SsfLayer(nn.LayerNorm([4, 4]), Config)).Message);
        Assert.Equal("SsfConfig { Targets = [\"qkv\", \"proj\", \"fc1\", \"fc2\", \"norm1\", \"norm2\"] }", Config.ToString());
    }

    private static nn.Module<Tensor, Tensor> Make(string kind, ScalarType type) => kind switch
    {
        "Linear" => nn.Linear(7, 5, dtype: type),
        "Linear without bias" => nn.Linear(7, 5, hasBias: false, dtype: type),
        "Conv2d" => nn.Conv2d(4, 6, 3, padding: 1, dtype: type),
        "LayerNorm" => nn.LayerNorm([7], dtype: type),
        _ => Evaluated(nn.BatchNorm2d(4, dtype: type)),
    };

    private static TorchSharp.Modules.BatchNorm2d Evaluated(TorchSharp.Modules.BatchNorm2d norm)
    {
        norm.eval();
        return norm;
    }
}

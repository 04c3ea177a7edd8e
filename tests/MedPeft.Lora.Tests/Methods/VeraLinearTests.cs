using MedPeft.Lora.Tests.Injection;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Methods;

/// <summary>VeRA, by the checks of its paper.</summary>
public class VeraLinearTests
{
    private static readonly VeraConfig Config = new() { Rank = 4, Seed = 3 };

    [Fact]
    public void It_starts_bit_equal_merges_trains_and_has_the_right_gradients()
    {
        LayerChecks.FollowsTheTypeOfItsLayer(type => nn.Linear(7, 5, dtype: type), layer => new VeraLinear((TorchSharp.Modules.Linear)layer, Config), 3, 7);
        LayerChecks.GradientsEqualFiniteDifferences(new VeraLinear(nn.Linear(7, 5, dtype: ScalarType.Float64), Config), 3, 7);
        LayerChecks.TrainingChangesOnlyWhatIsTrained(new VeraLinear(nn.Linear(7, 5), Config), 16, 7);
        LayerChecks.MergesAndUnmerges(new VeraLinear(nn.Linear(7, 5), Config), 3, 7);
    }

    [Fact]
    public void It_computes_the_formula()
    {
        using var linear = nn.Linear(7, 5);
        using var layer = new VeraLinear(linear, Config);
        Assert.Equal(["weight", "bias", "vera_lambda_b", "vera_lambda_d"], layer.state_dict().Keys);
        Assert.Equal((0f, .1f), (layer.B.abs().max().item<float>(), layer.D.min().item<float>()));
        LayerChecks.Fill(layer);
        var (a, b) = layer.Projections(ScalarType.Float32);
        using var delta = diag(layer.B).mm(b).mm(diag(layer.D)).mm(a);
        Assert.True(allclose(delta, layer.Delta(), rtol: 1e-4, atol: 1e-6));
        using var x = randn(2, 3, 7);
        using var y = layer.call(x);
        Assert.True(allclose(y, nn.functional.linear(x, linear.weight + delta, linear.bias), rtol: 1e-4, atol: 1e-5));
    }

    [Fact]
    public void All_layers_share_the_factors_of_the_widest_and_two_vectors_each_are_trained()
    {
        using var model = SelectionTests.Transformer();
        var config = Config with { Targets = ["qkv", "proj"] };
        var plan = model.PlanAdapter(config);
        var adapter = model.InjectAdapter(config);
        Assert.Equal(plan.Parameters, adapter.Parameters);
        Assert.Equal(2 * (4 + 24) + 2 * (4 + 8), adapter.Parameters.Trained);
        Assert.Equal("blocks.0.attn.qkv Linear r=4 VeRA 28", adapter.Layers[0].ToString());
        var (a, b) = adapter.Layer<VeraLinear>("blocks.0.attn.qkv").Projections(ScalarType.Float32);
        var (c, d) = adapter.Layer<VeraLinear>("blocks.1.attn.proj").Projections(ScalarType.Float32);
        Assert.True(Bits.Equal(a, c) && Bits.Equal(b[0..8], d));
        Assert.InRange(a.abs().max().item<float>(), .6, Math.Sqrt(6.0 / 8));
        Assert.InRange(b.abs().max().item<float>(), 1, Math.Sqrt(6.0 / 4));
    }

    [Fact]
    public void The_seed_decides_the_factors()
    {
        using var one = new VeraLinear(nn.Linear(7, 5), Config);
        using var same = new VeraLinear(nn.Linear(7, 5), Config);
        using var other = new VeraLinear(nn.Linear(7, 5), Config with { Seed = 4 });
        Assert.True(Bits.Equal(one.Projections(ScalarType.Float32).A, same.Projections(ScalarType.Float32).A));
        Assert.False(Bits.Equal(one.Projections(ScalarType.Float32).A, other.Projections(ScalarType.Float32).A));
    }

    [Fact]
    public void The_shared_factors_outlive_all_layers_but_the_last()
    {
        VeraLinear one, other;
        using (var shared = new VeraProjections(3, 4, 7, 7))
            (one, other) = (new VeraLinear(nn.Linear(7, 5), Config, shared), new VeraLinear(nn.Linear(7, 7), Config, shared));
        LayerChecks.Fill(other);
        one.Dispose();
        using var x = randn(2, 7);
        using (var y = other.call(x)) Assert.Equal([2, 7], y.shape);
        var (a, _) = other.Projections(ScalarType.Float32);
        other.Dispose();
        Assert.Equal(4, a.shape[0]); // a view of its own

        using var model = SelectionTests.Transformer();
        using var tokens = randn(2, 5, 8);
        using var before = model.call(tokens);
        model.InjectAdapter(Config).Remove();
        using var after = model.call(tokens);
        Assert.True(Bits.Equal(before, after));
    }

    [Fact]
    public void Settings_out_of_range_are_refused()
    {
        Assert.Equal("Rank is 0; it must be at least 1, and 256 is usual. (Parameter 'Rank')", Assert.Throws<ArgumentOutOfRangeException>(() => new VeraConfig { Rank = 0 }).Message);
        Assert.Equal("InitialD is 0; it must be a number other than 0, and 0.1 is usual. (Parameter 'InitialD')", Assert.Throws<ArgumentOutOfRangeException>(() => new VeraConfig { InitialD = 0 }).Message);
        Assert.Equal("Dropout is 1; it must be at least 0 and below 1. (Parameter 'Dropout')", Assert.Throws<ArgumentOutOfRangeException>(() => new VeraConfig { Dropout = 1 }).Message);
        Assert.Equal("VeraConfig { Targets = [\"qkv\"], Rank = 256, Dropout = 0.1 }", new VeraConfig { Dropout = .1 }.ToString());
    }
}

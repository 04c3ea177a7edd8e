using MedPeft.Lora.Tests.Injection;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Methods;

/// <summary>AdaLoRA, by the checks of its paper.</summary>
public class AdaLoraTests
{
    private static readonly AdaLoraConfig Config = new() { InitialRank = 4, TargetRank = 2, Seed = 3 };

    [Fact]
    public void It_starts_bit_equal_merges_trains_and_has_the_right_gradients()
    {
        LayerChecks.FollowsTheTypeOfItsLayer(type => nn.Linear(7, 5, dtype: type), layer => new AdaLoraLinear((TorchSharp.Modules.Linear)layer, Config), 3, 7);
        LayerChecks.GradientsEqualFiniteDifferences(new AdaLoraLinear(nn.Linear(7, 5, dtype: ScalarType.Float64), Config), 3, 7);
        LayerChecks.TrainingChangesOnlyWhatIsTrained(new AdaLoraLinear(nn.Linear(7, 5), Config), 16, 7);
        LayerChecks.MergesAndUnmerges(new AdaLoraLinear(nn.Linear(7, 5), Config), 3, 7);
    }

    [Fact]
    public void It_has_PEFTs_names_start_and_scale()
    {
        using var linear = nn.Linear(200, 100);
        using var layer = new AdaLoraLinear(linear, Config with { InitialRank = 40 });
        Assert.Equal(["weight", "bias", "lora_A", "lora_B", "lora_E"], layer.state_dict().Keys);
        Assert.Equal(0, layer.E.abs().max().item<float>());
        Assert.InRange(layer.A.std().item<float>(), .019, .021);
        Assert.InRange(layer.B.std().item<float>(), .019, .021);
        LayerChecks.Fill(layer);
        using var delta = layer.B.mm(layer.A * layer.E) * (8 / (40 + 1e-5));
        Assert.True(allclose(delta, layer.Delta(), rtol: 1e-4, atol: 1e-5));
    }

    [Theory]
    [InlineData(0, 16)]
    [InlineData(2, 16)]
    [InlineData(6, 11)] // 8 + 8 · (1/2)³ = 9 at half way; here (1 − 4/16)³ · 8 + 8 = 11.375
    [InlineData(10, 9)]
    [InlineData(18, 8)]
    [InlineData(20, 8)]
    public void The_budget_falls_by_the_cube_from_the_warm_up_to_the_last_cut(long step, int budget)
    {
        using var one = new AdaLoraLinear(nn.Linear(7, 5), Config);
        var four = Enumerable.Repeat(one, 4).ToList();
        Assert.Equal(budget, new AdaLoraBudget(Config with { WarmupSteps = 2, FinalSteps = 2 }, four).Budget(step, 20));
    }

    [Fact]
    public void Training_cuts_the_ranks_to_the_budget_and_keeps_them_cut()
    {
        using var model = SelectionTests.Transformer();
        var config = Config with { Targets = ["qkv", "proj"], WarmupSteps = 2, FinalSteps = 3 };
        var adapter = model.InjectAdapter(config);
        var layers = adapter.Layers.Select(layer => adapter.Layer<AdaLoraLinear>(layer.Path)).ToList();
        Assert.Equal("blocks.0.attn.qkv Linear r=4 α=8 AdaLoRA 132", adapter.Layers[0].ToString());
        Assert.Same(adapter, Assert.Single(LoraAdapter.Of(model)));
        Assert.Same(adapter, Assert.Single(LoraAdapter.Of(new Holders.Holder((nn.Module<Tensor, Tensor>)model))));
        Assert.Equal(4 * 6, adapter.ScheduleState().Select(state => state.Name).Distinct().Count());
        using var x = randn(8, 5, 8);
        using var target = randn_like(model.call(x));
        using var adam = optim.AdamW(adapter.TrainableParameters().Select(entry => entry.Parameter).ToList(), .01);
        var active = new List<int>();
        for (var step = 1; step <= 12; step++)
        {
            adam.zero_grad();
            using (var scope = NewDisposeScope())
            {
                var loss = (model.call(x) - target).square().mean() + adapter.Penalty()!;
                loss.backward();
            }
            adam.step();
            adapter.AfterStep(step, 12);
            active.Add(layers.Sum(layer => layer.ActiveRank));
            Assert.All(layers, layer => Assert.True((layer.E != 0).sum().item<long>() <= layer.ActiveRank));
        }
        Assert.Equal([16, 16, 13, 10, 9, 8, 8, 8, 8, 8, 8, 8], active);
        Assert.Equal(8, layers.Sum(layer => (layer.E != 0).sum().item<long>()));
        Assert.True(layers.Select(layer => layer.ActiveRank).Distinct().Count() > 1); // they share the budget
        adapter.Remove();
        Assert.Empty(LoraAdapter.Of(model));
    }

    [Fact]
    public void The_importance_is_the_papers()
    {
        using var layer = new AdaLoraLinear(nn.Linear(7, 5), Config);
        LayerChecks.Fill(layer);
        using var x = randn(3, 7);
        layer.call(x).square().sum().backward();
        layer.UpdateImportance(.85, .85);
        layer.UpdateImportance(.85, .85);
        double[] Score(TorchSharp.Modules.Parameter p, Func<Tensor, Tensor> reduce)
        {
            using var i = (p * p.grad!).abs();
            var first = i * .15;
            var u1 = (i - first).abs() * .15;
            var second = first * .85 + i * .15;
            var u2 = u1 * .85 + (i - second).abs() * .15;
            return [.. reduce(second * u2).data<float>().ToArray().Select(value => (double)value)];
        }
        var (e, a, b) = (Score(layer.E, t => t.view(-1)), Score(layer.A, t => t.mean([1L])), Score(layer.B, t => t.mean([0L])));
        var scores = layer.Scores();
        for (var i = 0; i < 4; i++) Assert.Equal(e[i] + a[i] + b[i], scores[i], 1e-5 * Math.Abs(scores[i]) + 1e-9);
        Assert.Equal(6, layer.ScheduleState().Count());
        layer.to(ScalarType.Float64);
        Assert.All(layer.ScheduleState(), entry => Assert.Equal(ScalarType.Float64, entry.Value.dtype));
    }

    [Fact]
    public void The_penalty_is_zero_for_orthonormal_vectors_and_has_gradients()
    {
        using var model = SelectionTests.Transformer();
        var adapter = model.InjectAdapter(Config);
        using (var penalty = adapter.Penalty()!)
        {
            Assert.InRange(penalty.item<float>(), .5 * 1.9, .5 * 2.1); // ‖0 − I‖ of four directions is 2, times one half
            penalty.backward();
        }
        var layer = adapter.Layer<AdaLoraLinear>("blocks.0.attn.qkv");
        Assert.NotNull(layer.A.grad);
        Assert.NotNull(layer.B.grad);
        using (no_grad())
            foreach (var one in adapter.Layers.Select(info => adapter.Layer<AdaLoraLinear>(info.Path)))
            {
                one.A.copy_(eye(4, 8));
                one.B.copy_(eye(24, 4));
            }
        using var none = adapter.Penalty()!;
        Assert.Equal(0, none.item<float>());
        adapter.Remove();
        Assert.Null(model.InjectAdapter(Config with { Orthogonality = 0 }).Penalty());
        using var plain = SelectionTests.Transformer();
        var lora = plain.InjectLora(new LoraConfig { Rank = 2 });
        Assert.Null(lora.Penalty());
        lora.AfterStep(1, 10);
    }

    [Fact]
    public void What_does_not_fit_is_refused()
    {
        using var model = SelectionTests.Transformer();
        string Refused(AdaLoraConfig config) => Assert.Throws<LoraException>(() => model.InjectAdapter(config)).Message;
        Assert.Equal("TargetRank 5 is above InitialRank 4: ranks are only cut. Start with more, or aim for less.", Refused(Config with { TargetRank = 5 }));
        Assert.Equal("InitialRank 9 is above what 'blocks.0.attn.qkv' can hold (8 inputs, 24 outputs); choose one of at most 8.", Refused(Config with { InitialRank = 9 }));
        Assert.Equal("InitialRank is 0; it must be at least 1. (Parameter 'InitialRank')", Assert.Throws<ArgumentOutOfRangeException>(() => new AdaLoraConfig { InitialRank = 0 }).Message);
        var adapter = model.InjectAdapter(Config with { WarmupSteps = 5, FinalSteps = 5 });
        Assert.Equal("10 steps leave none between WarmupSteps 5 and FinalSteps 5 to cut ranks in. Train longer, or shorten the two.", Assert.Throws<LoraException>(() => adapter.AfterStep(1, 10)).Message);
        Assert.Equal("AdaLoraConfig { Targets = [\"qkv\"], InitialRank = 4, TargetRank = 2, Alpha = 8, Seed = 3 }", Config.ToString());
    }
}

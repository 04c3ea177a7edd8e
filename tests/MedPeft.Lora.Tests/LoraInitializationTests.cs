using MedPeft.Lora.Tests.Injection;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests;

/// <summary>The starts of LoRA's factors and the freezing of A, by the checks of their papers.</summary>
public class LoraInitializationTests
{
    private static readonly LoraConfig Rank2 = new() { Rank = 2, Alpha = 6, Seed = 7 };

    public static TheoryData<LoraConfig> Exact => [.. Starts()];

    public static TheoryData<LoraConfig> All => [.. Starts(), Rank2 with { Initialization = LoraInitialization.Pissa, Dora = true }];

    private static IEnumerable<LoraConfig> Starts() =>
        (from start in new[] { LoraInitialization.Gaussian, LoraInitialization.Orthogonal, LoraInitialization.Pissa, LoraInitialization.Olora }
         from blocks in new LoraBlock[]?[] { null, [LoraBlock.Query, LoraBlock.Value] }
         select Rank2 with { Initialization = start, Blocks = blocks })
        .Concat([Rank2 with { FreezeA = true }, Rank2 with { FreezeA = true, Initialization = LoraInitialization.Pissa }, Rank2 with { Initialization = LoraInitialization.Olora, RankStabilized = true, Blocks = [LoraBlock.Key] }]);

    [Theory, MemberData(nameof(All))]
    public void Each_starts_bit_equal_to_its_layer_in_every_type(LoraConfig config) =>
        LayerChecks.FollowsTheTypeOfItsLayer(type => nn.Linear(7, 6, dtype: type), layer => new LoraLinear((TorchSharp.Modules.Linear)layer, config), 3, 7);

    [Theory, MemberData(nameof(Exact))] // not DoRA: the norm in its denominator is a constant to the gradient, which finite differences do not know
    public void Gradients_equal_finite_differences(LoraConfig config)
    {
        using var linear = nn.Linear(7, config.Blocks is null ? 5 : 9, dtype: ScalarType.Float64);
        using var lora = new LoraLinear(linear, config);
        LayerChecks.GradientsEqualFiniteDifferences(lora, 3, 7);
    }

    [Theory, MemberData(nameof(All))]
    public void Training_changes_only_what_is_trained(LoraConfig config)
    {
        using var linear = nn.Linear(7, 6);
        using var lora = new LoraLinear(linear, config);
        LayerChecks.TrainingChangesOnlyWhatIsTrained(lora, 16, 7);
    }

    [Theory, MemberData(nameof(All))]
    public void Merging_keeps_the_output_and_unmerging_gives_back_every_bit(LoraConfig config)
    {
        using var linear = nn.Linear(7, 6);
        using var lora = new LoraLinear(linear, config);
        LayerChecks.MergesAndUnmerges(lora, 3, 7);
    }

    [Fact]
    public void Gaussian_values_have_the_deviation_one_over_r()
    {
        using var linear = nn.Linear(400, 300);
        using var lora = new LoraLinear(linear, Rank2 with { Rank = 20, Initialization = LoraInitialization.Gaussian });
        Assert.InRange(lora.A.std().item<float>(), .048, .052);
        Assert.Equal(0, lora.B.abs().max().item<float>());
    }

    [Fact]
    public void Orthogonal_rows_are_orthonormal_in_each_block()
    {
        using var linear = nn.Linear(8, 24);
        using var lora = new LoraLinear(linear, Rank2 with { Rank = 5, Initialization = LoraInitialization.Orthogonal, Blocks = [LoraBlock.Query, LoraBlock.Value] });
        for (var g = 0; g < 2; g++)
        {
            using var a = lora.A.narrow(0, 5 * g, 5);
            Assert.True(allclose(a.mm(a.t()), eye(5), atol: 1e-6));
        }
        using var convolution = nn.Conv2d(3, 4, 3);
        using var other = new LoraConv2d(convolution, Rank2 with { Initialization = LoraInitialization.Orthogonal });
        using var rows = other.A.flatten(1);
        Assert.True(allclose(rows.mm(rows.t()), eye(2), atol: 1e-6));
    }

    [Fact]
    public void Pissa_takes_the_largest_singular_values_out_of_the_weight()
    {
        using var linear = nn.Linear(7, 5);
        using var lora = new LoraLinear(linear, Rank2 with { Initialization = LoraInitialization.Pissa });
        var (_, s, _) = linalg.svd(linear.weight.@double());
        using var principal = lora.B.@double().mm(lora.A.@double()) * lora.Scale;
        using var residual = linear.weight.@double() - principal;
        var (_, left, _) = linalg.svd(residual);
        Assert.True(allclose(s[2..5], left[0..3], rtol: 1e-5, atol: 1e-6)); // what remains is the rest of the spectrum
        var (_, taken, _) = linalg.svd(principal);
        Assert.True(allclose(s[0..2], taken[0..2], rtol: 1e-5, atol: 1e-6));
        using var a = lora.A.@double().mm(lora.A.@double().t()); // both factors have the roots: s·AAᵀ = diag(S) = s·BᵀB
        using var b = lora.B.@double().t().mm(lora.B.@double());
        Assert.True(allclose(a * lora.Scale, diag(s[0..2]), rtol: 1e-4, atol: 1e-5) && allclose(a, b, rtol: 1e-4, atol: 1e-5));
    }

    [Fact]
    public void Olora_takes_the_first_directions_of_the_QR_factors()
    {
        using var linear = nn.Linear(7, 5);
        using var lora = new LoraLinear(linear, Rank2 with { Initialization = LoraInitialization.Olora });
        Assert.True(allclose(lora.B.t().mm(lora.B), eye(2), atol: 1e-6));
        var (q, r) = linalg.qr(linear.weight.@double());
        Assert.True(allclose(q[.., 0..2].@float(), lora.B, atol: 1e-6) && allclose(r[0..2].@float(), lora.A, atol: 1e-6));
    }

    [Fact]
    public void The_base_weight_keeps_every_bit_and_a_half_precision_one_loses_nothing()
    {
        using var linear = nn.Linear(64, 64, dtype: ScalarType.BFloat16);
        using var before = linear.weight.clone();
        using var lora = new LoraLinear(linear, Rank2 with { Initialization = LoraInitialization.Pissa });
        Assert.True(Bits.Equal(before, linear.weight));
        using var delta = lora.Delta();
        Assert.Equal(0, delta.abs().max().item<float>());
    }

    [Fact]
    public void A_frozen_A_is_neither_trained_nor_counted_as_such()
    {
        using var model = SelectionTests.Transformer();
        var plan = model.PlanLora(Rank2 with { FreezeA = true });
        var lora = model.InjectLora(Rank2 with { FreezeA = true });
        Assert.Equal(plan.Parameters, lora.Parameters);
        Assert.Equal(2 * 24 * 2, lora.Parameters.Trained);
        Assert.Equal(["blocks.0.attn.qkv.lora_B.weight", "blocks.1.attn.qkv.lora_B.weight"], lora.TrainableParameters().Select(entry => entry.Name));
        Assert.Equal("blocks.0.attn.qkv Linear r=2 α=6 LoRA-FA 64", lora.Layers[0].ToString());
        model.to(ScalarType.Float64);
        Assert.Equal(2 * 24 * 2, lora.Parameters.Trained);
    }

    [Fact]
    public void An_adapter_that_starts_from_the_weight_is_counted_merged_and_removed_like_any_other()
    {
        using var model = SelectionTests.Transformer();
        using var x = randn(2, 5, 8);
        using var before = model.call(x);
        var config = Rank2 with { Initialization = LoraInitialization.Pissa, Blocks = [LoraBlock.Query, LoraBlock.Value] };
        var plan = model.PlanLora(config);
        var lora = model.InjectLora(config);
        using (var fresh = model.call(x)) Assert.True(Bits.Equal(before, fresh));
        Assert.Equal(plan.Parameters, lora.Parameters);
        Assert.Equal(128, lora.Parameters.Trained);
        Assert.Equal("blocks.0.attn.qkv Linear r=2 α=6 PiSSA [Query, Value] 128", lora.Layers[0].ToString());
        foreach (var layer in lora.Layers) LayerChecks.Fill(lora.Layer(layer.Path));
        using var adapted = model.call(x);
        lora.Merge();
        using var merged = model.call(x);
        Assert.True(allclose(adapted, merged, rtol: 1e-4, atol: 1e-5));
        lora.Unmerge();
        using (lora.Disable())
        using (var disabled = model.call(x)) Assert.True(Bits.Equal(before, disabled));
        lora.Remove();
        using var removed = model.call(x);
        Assert.True(Bits.Equal(before, removed));
    }

    public static TheoryData<Func<string>, string> Wrong => new()
    {
        { () => Assert.Throws<ArgumentOutOfRangeException>(() => new LoraConfig { Initialization = (LoraInitialization)9 }).Message, "Initialization is 9, which is none of KaimingUniform, Gaussian, Orthogonal, Pissa, Olora, Eva. (Parameter 'Initialization')" },
        { () => Assert.Throws<LoraException>(() => new LoraConv2d(nn.Conv2d(3, 4, 3), Rank2 with { Initialization = LoraInitialization.Pissa })).Message, "the layer is a Conv2d: Initialization Pissa fits Linear layers only. Leave it out of Targets, or take KaimingUniform." },
        { () => Assert.Throws<LoraException>(() => new LoraEmbedding(nn.Embedding(9, 4), Rank2 with { Initialization = LoraInitialization.Olora })).Message, "the layer is an Embedding: Initialization Olora fits Linear layers only. Leave it out of Targets, or take KaimingUniform." },
        { () => Assert.Throws<LoraException>(() => new LoraEmbedding(nn.Embedding(9, 4), Rank2 with { FreezeA = true })).Message, "the layer is an Embedding, whose A starts at zero and so would stay: FreezeA fits Linear and Conv2d layers only. Leave it out of Targets, or set FreezeA to false." },
    };

    [Theory, MemberData(nameof(Wrong))]
    public void What_does_not_fit_is_refused(Func<string> refused, string message) => Assert.Equal(message, refused());

    [Fact]
    public void It_is_part_of_the_configurations_value()
    {
        Assert.NotEqual(Rank2, Rank2 with { FreezeA = true });
        Assert.NotEqual(Rank2, Rank2 with { Initialization = LoraInitialization.Pissa });
        Assert.Equal("LoraConfig { Targets = [\"qkv\"], Rank = 2, Alpha = 6, Initialization = Olora, FreezeA, Seed = 7 }", (Rank2 with { Initialization = LoraInitialization.Olora, FreezeA = true }).ToString());
    }
}

using static TorchSharp.torch;

namespace MedPeft.Lora.Tests;

/// <summary>rsLoRA and DoRA, by the checks of their papers.</summary>
public class LoraVariantTests
{
    public static TheoryData<LoraBlock[]?> Parts => new() { (LoraBlock[]?)null, new[] { LoraBlock.Query, LoraBlock.Value } };

    [Fact]
    public void Rank_stabilised_scales_fall_with_the_root_of_the_rank()
    {
        using var linear = nn.Linear(32, 32);
        using var four = new LoraLinear(linear, new LoraConfig { Rank = 4, RankStabilized = true });
        using var sixteen = new LoraLinear(linear, new LoraConfig { Rank = 16, RankStabilized = true });
        Assert.Equal((4.0, 2.0), (four.Scale, sixteen.Scale));
    }

    [Theory, MemberData(nameof(Parts))]
    public void Dora_starts_bit_equal_to_its_layer(LoraBlock[]? blocks)
    {
        foreach (var bias in new[] { true, false })
        foreach (var type in new[] { ScalarType.Float32, ScalarType.BFloat16, ScalarType.Float64 })
        {
            using var linear = nn.Linear(7, 6, bias, dtype: type);
            using var x = randn(3, 7, dtype: ScalarType.Float32).to(type);
            using var before = linear.forward(x);
            using var lora = Dora(linear, blocks);
            using var after = lora.call(x);
            Assert.True(Bits.Equal(before, after));
            Assert.Equal(["lora_A.weight", "lora_B.weight", "lora_magnitude_vector"], lora.state_dict().Keys.TakeLast(3));
        }
    }

    [Theory, MemberData(nameof(Parts))]
    public void The_rows_of_the_merged_weight_have_the_trained_norms_and_give_the_same_outputs(LoraBlock[]? blocks)
    {
        using var linear = nn.Linear(7, 6);
        using var lora = Dora(linear, blocks);
        Fill(lora);
        using var x = randn(3, 7);
        using var adapted = lora.call(x);
        using var before = linear.weight.clone();
        using var delta = lora.Delta();
        lora.Merge();
        using var merged = lora.call(x);
        Assert.True(allclose(adapted, merged, rtol: 1e-4, atol: 1e-5));
        using var norms = linalg.vector_norm(linear.weight, 2, [1]);
        using var expected = blocks is null ? lora.Magnitude! : cat([lora.Magnitude![..2], linalg.vector_norm(before[2..4], 2, [1]), lora.Magnitude![2..]], 0);
        Assert.True(allclose(expected, norms, rtol: 1e-5, atol: 1e-6));
        Assert.True(allclose(linear.weight - before, delta, rtol: 1e-4, atol: 1e-5));
        lora.Unmerge();
        Assert.True(Bits.Equal(before, linear.weight));
    }

    [Fact]
    public void The_gradient_of_B_is_LoRAs_times_the_factor_and_that_of_m_is_the_finite_difference()
    {
        using var linear = nn.Linear(7, 5, dtype: ScalarType.Float64);
        using var x = randn(3, 7, dtype: ScalarType.Float64);
        using var weights = randn(3, 5, dtype: ScalarType.Float64);
        Tensor expected;
        using (var plain = new LoraLinear(linear, new LoraConfig { Rank = 2, Alpha = 6, Seed = 5 }))
        {
            Fill(plain);
            (plain.call(x) * weights).sum().backward();
            expected = plain.B.grad!.clone();
            plain.Detach();
        }
        using var lora = Dora(linear, null);
        Fill(lora);
        double Loss() => (lora.call(x) * weights).sum().item<double>();
        (lora.call(x) * weights).sum().backward();

        using var full = linear.weight + lora.B.mm(lora.A) * 3;
        using var factor = lora.Magnitude! / linalg.vector_norm(full, 2, [1]);
        Assert.True(allclose(expected * factor.unsqueeze(1), lora.B.grad!, rtol: 1e-10, atol: 1e-12));
        using var m = lora.Magnitude!.detach();
        for (var i = 0; i < 5; i++)
        {
            var value = m[i].item<double>();
            m[i] = value + 1e-6;
            var up = Loss();
            m[i] = value - 1e-6;
            var down = Loss();
            m[i] = value;
            Assert.Equal((up - down) / 2e-6, lora.Magnitude!.grad![i].item<double>(), 1e-7);
        }
    }

    private static LoraLinear Dora(TorchSharp.Modules.Linear linear, LoraBlock[]? blocks) => new(linear, new LoraConfig { Rank = 2, Alpha = 6, Seed = 5, Dora = true, Blocks = blocks });

    private static void Fill(LoraLinear lora)
    {
        using var none = no_grad();
        using var generator = new Generator(11);
        lora.B.normal_(0, .3, generator);
        if (lora.Magnitude is { } magnitude) magnitude.mul_(1.25);
    }
}

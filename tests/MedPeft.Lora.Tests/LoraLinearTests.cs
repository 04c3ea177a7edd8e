using static TorchSharp.torch;

namespace MedPeft.Lora.Tests;

public class LoraLinearTests
{
    private static readonly LoraConfig Rank2 = new() { Rank = 2, Alpha = 6, Seed = 7 };

    [Fact]
    public void It_holds_the_layer_itself_under_its_old_names()
    {
        using var linear = nn.Linear(7, 5);
        using var lora = new LoraLinear(linear, Rank2);
        Assert.Same(linear, lora.Base);
        Assert.Equal(["weight", "bias", "lora_A.weight", "lora_B.weight"], lora.state_dict().Keys);
        Assert.Same(linear.weight, lora.state_dict()["weight"]);
        Assert.Equal([2, 7], lora.A.shape);
        Assert.Equal([5, 2], lora.B.shape);
        Assert.False(linear.weight.requires_grad || linear.bias!.requires_grad);
        Assert.True(lora.A.requires_grad && lora.B.requires_grad);
    }

    [Fact]
    public void A_starts_uniform_within_one_over_the_root_of_the_inputs_and_B_starts_at_zero()
    {
        using var linear = nn.Linear(400, 300);
        using var lora = new LoraLinear(linear, Rank2 with { Rank = 200 });
        Assert.Equal(0, lora.B.abs().max().item<float>());
        Assert.InRange(lora.A.abs().max().item<float>(), .0499, .05);
        Assert.InRange(lora.A.std().item<float>(), .0286, .0291); // (1/20)/sqrt(3)
    }

    [Fact]
    public void The_seed_decides_the_start_and_leaves_torchs_generator_alone()
    {
        using var linear = nn.Linear(7, 5);
        manual_seed(1);
        using var expected = rand(3);
        manual_seed(1);
        using var a = new LoraLinear(linear, Rank2);
        using var b = new LoraLinear(linear, Rank2);
        using var c = new LoraLinear(linear, Rank2 with { Seed = 8 });
        using var drawn = rand(3);
        Assert.True(Bits.Equal(a.A, b.A));
        Assert.False(Bits.Equal(a.A, c.A));
        Assert.True(Bits.Equal(expected, drawn));
    }

    [Theory]
    [InlineData(7L)]
    [InlineData(3L, 7L)]
    [InlineData(2L, 3L, 7L)]
    [InlineData(2L, 1L, 3L, 7L)]
    [InlineData(0L, 7L)]
    public void It_computes_the_formula_for_any_leading_dimensions(params long[] shape)
    {
        using var linear = nn.Linear(7, 5);
        using var lora = new LoraLinear(linear, Rank2);
        Fill(lora);
        using var x = randn(shape);
        using var weight = linear.weight.add(lora.B.mm(lora.A), alpha: 3);
        using var expected = nn.functional.linear(x, weight, linear.bias);
        using var y = lora.call(x);
        Assert.Equal(expected.shape, y.shape);
        Assert.True(allclose(expected, y, rtol: 1e-5, atol: 1e-5));
    }

    [Theory]
    [InlineData(LoraBlock.Query, LoraBlock.Value)]
    [InlineData(LoraBlock.Key)]
    [InlineData(LoraBlock.Value, LoraBlock.Query, LoraBlock.Key)]
    public void Fused_blocks_equal_the_zero_padded_formula_and_leave_the_other_rows_alone(params LoraBlock[] blocks)
    {
        using var linear = nn.Linear(6, 12);
        using var lora = new LoraLinear(linear, Rank2 with { Blocks = blocks });
        Fill(lora);
        var sorted = blocks.Order().ToList();
        Assert.Equal([2L * blocks.Length, 6], lora.A.shape);
        Assert.Equal([4L * blocks.Length, 2], lora.B.shape);
        Assert.Equal(sorted, lora.Blocks);

        using var dense = zeros(12, 6);
        for (var g = 0; g < sorted.Count; g++)
        {
            using var product = lora.B[(4 * g)..(4 * g + 4)].mm(lora.A[(2 * g)..(2 * g + 2)]);
            dense[(4 * (int)sorted[g])..(4 * (int)sorted[g] + 4)] = product.detach() * 3;
        }
        using var delta = lora.Delta();
        Assert.True(allclose(dense, delta, rtol: 1e-5, atol: 1e-6));

        using var x = randn(2, 3, 6);
        using var plain = linear.forward(x);
        using var y = lora.call(x);
        using var expected = plain + nn.functional.linear(x, dense);
        Assert.True(allclose(expected, y, rtol: 1e-5, atol: 1e-5));
        foreach (var block in Enum.GetValues<LoraBlock>().Except(blocks))
            Assert.True(Bits.Equal(plain.narrow(-1, 4 * (int)block, 4), y.narrow(-1, 4 * (int)block, 4)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Gradients_equal_finite_differences(bool fused)
    {
        using var linear = nn.Linear(7, fused ? 6 : 5, dtype: ScalarType.Float64);
        using var lora = new LoraLinear(linear, Rank2 with { Blocks = fused ? [LoraBlock.Query, LoraBlock.Value] : null });
        LayerChecks.GradientsEqualFiniteDifferences(lora, 1e-7, 3, 7);
    }

    [Fact]
    public void Frozen_weights_keep_every_bit_through_training_and_the_loss_falls()
    {
        using var linear = nn.Linear(7, 5);
        using var lora = new LoraLinear(linear, Rank2);
        using var weight = linear.weight.clone();
        using var bias = linear.bias!.clone();
        using var x = randn(16, 7);
        using var target = randn(16, 5);
        using var sgd = optim.SGD(lora.parameters().ToList(), .05, momentum: .9, weight_decay: .01);
        double Step()
        {
            using var scope = NewDisposeScope();
            sgd.zero_grad();
            var loss = (lora.call(x) - target).square().mean();
            loss.backward();
            sgd.step();
            return loss.item<float>();
        }

        var first = Step();
        for (var i = 0; i < 20; i++) Step();
        Assert.True(Step() < first);
        Assert.True(Bits.Equal(weight, linear.weight) && Bits.Equal(bias, linear.bias));
    }

    [Fact]
    public void A_half_precision_layer_has_float32_factors_and_gives_its_own_type()
    {
        using var linear = nn.Linear(7, 5, dtype: ScalarType.BFloat16);
        using var lora = new LoraLinear(linear, Rank2);
        Assert.Equal(ScalarType.Float32, lora.A.dtype);
        using var x = randn(3, 7).bfloat16();
        using var before = linear.forward(x);
        using var fresh = lora.call(x);
        Assert.True(Bits.Equal(before, fresh));

        Fill(lora);
        using var y = lora.call(x);
        Assert.Equal(ScalarType.BFloat16, y.dtype);
        y.sum().backward();
        Assert.Equal(ScalarType.Float32, lora.B.grad!.dtype);
        using var weight = linear.weight.@float().add(lora.B.mm(lora.A), alpha: 3);
        using var expected = nn.functional.linear(x.@float(), weight, linear.bias!.@float());
        Assert.True(allclose(expected, y.@float(), rtol: .05, atol: .05));
    }

    [Fact]
    public void Dropout_acts_in_training_only_and_on_the_update_only()
    {
        using var linear = nn.Linear(50, 5);
        using var lora = new LoraLinear(linear, Rank2 with { Dropout = .5 });
        using var x = randn(8, 50);
        using (var fresh = lora.call(x)) Assert.True(Bits.Equal(linear.forward(x), fresh)); // the layer's own path is not dropped
        Fill(lora);
        using var a = lora.call(x);
        using var b = lora.call(x);
        Assert.False(Bits.Equal(a, b));
        lora.eval();
        using var c = lora.call(x);
        using var d = lora.call(x);
        Assert.True(Bits.Equal(c, d));
    }

    [Fact]
    public void Merging_keeps_the_output_and_unmerging_gives_back_every_bit()
    {
        using var linear = nn.Linear(7, 5);
        using var lora = new LoraLinear(linear, Rank2);
        Fill(lora);
        using var x = randn(3, 7);
        using var weight = linear.weight.clone();
        using var adapted = lora.call(x);
        using var delta = lora.Delta();

        lora.Merge();
        using var merged = lora.call(x);
        Assert.True(lora.Merged && allclose(adapted, merged, rtol: 1e-5, atol: 1e-6));
        Assert.True(allclose(linear.weight - weight, delta, rtol: 1e-4, atol: 1e-6));
        Assert.Equal("The adapter is merged already; call Unmerge() before merging again.", Assert.Throws<LoraException>(lora.Merge).Message);

        lora.Unmerge();
        using var again = lora.call(x);
        Assert.True(Bits.Equal(weight, linear.weight) && Bits.Equal(adapted, again));
        Assert.Equal("The adapter is not merged; there is nothing to undo.", Assert.Throws<LoraException>(lora.Unmerge).Message);
    }

    [Fact]
    public void A_merge_into_half_precision_rounds_once()
    {
        using var linear = nn.Linear(64, 64, dtype: ScalarType.BFloat16);
        using var lora = new LoraLinear(linear, Rank2);
        Fill(lora);
        using var exact = linear.weight.@double() + lora.B.@double().mm(lora.A.@double()) * 3;
        lora.Merge();
        Assert.True(Bits.Equal(exact.bfloat16(), linear.weight));
    }

    [Fact]
    public void A_merged_layer_can_be_converted_and_unmerged()
    {
        using var linear = nn.Linear(7, 5);
        using var lora = new LoraLinear(linear, Rank2);
        Fill(lora);
        using var weight = linear.weight.bfloat16();
        lora.Merge();
        lora.to(ScalarType.BFloat16);
        lora.Unmerge();
        Assert.True(Bits.Equal(weight, linear.weight));
    }

    [Fact]
    public void A_disabled_adapter_leaves_the_layer_as_it_was()
    {
        using var linear = nn.Linear(7, 5);
        using var lora = new LoraLinear(linear, Rank2);
        Fill(lora);
        lora.Enabled = false;
        using var x = randn(3, 7);
        using var y = lora.call(x);
        lora.Enabled = true;
        using var adapted = lora.call(x);
        Assert.False(Bits.Equal(y, adapted));
        lora.Detach();
        using var plain = linear.call(x);
        Assert.True(Bits.Equal(plain, y));
    }

    [Fact]
    public void The_users_own_hooks_on_the_layer_keep_running()
    {
        using var linear = nn.Linear(7, 5);
        var calls = 0;
        linear.register_forward_hook((_, _, output) =>
        {
            calls++;
            return output;
        });
        using var lora = new LoraLinear(linear, Rank2);
        using var x = randn(3, 7);
        lora.call(x).Dispose();
        Assert.Equal(1, calls);
    }

    [Fact]
    public void Parameters_outlive_the_dispose_scope_they_were_made_in()
    {
        using var linear = nn.Linear(7, 5);
        LoraLinear lora;
        using (NewDisposeScope()) lora = new LoraLinear(linear, Rank2);
        using (NewDisposeScope()) lora.to(ScalarType.Float64);
        using (NewDisposeScope()) lora.Merge();
        Assert.False(lora.A.IsInvalid || lora.B.IsInvalid);
        lora.Unmerge();
        lora.Dispose();
        Assert.True(linear.weight.IsInvalid && lora.A.IsInvalid);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_pass_leaves_nothing_behind_but_its_output(bool fused)
    {
        using var linear = nn.Linear(6, 12);
        using var lora = new LoraLinear(linear, Rank2 with { Dropout = .1, Blocks = fused ? [LoraBlock.Query, LoraBlock.Value] : null });
        using var x = randn(3, 6);
        lora.call(x).Dispose();
        var before = Tensor.TotalCount;
        using var scope = NewDisposeScope();
        for (var i = 0; i < 10; i++) lora.call(x).Dispose();
        Assert.Equal(0, scope.DisposablesCount);
        Assert.NotEqual(0, before);
    }

    [Theory]
    [InlineData(7, 5, 6, null, "Rank 6 is above what the layer can hold (7 inputs, 5 outputs); choose a rank of at most 5.")]
    [InlineData(7, 9, 4, LoraBlock.Query, "Rank 4 is above what the layer can hold (7 inputs, 3 outputs a block); choose a rank of at most 3.")]
    [InlineData(7, 5, 1, LoraBlock.Query, "the layer has 5 outputs, which is no multiple of 3: Blocks [Query] fits a fused qkv layer only. Leave Blocks null to adapt the whole layer.")]
    public void A_layer_that_cannot_be_adapted_so_is_refused(long inputs, long outputs, int rank, LoraBlock? block, string message)
    {
        using var linear = nn.Linear(inputs, outputs);
        var config = new LoraConfig { Rank = rank, Blocks = block is null ? null : [block.Value] };
        Assert.Equal(message, Assert.Throws<LoraException>(() => new LoraLinear(linear, config)).Message);
        Assert.True(linear.weight.requires_grad);
    }

    private static void Fill(LoraLinear lora)
    {
        using var none = no_grad();
        lora.B.normal_(0, .3);
    }
}

using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests;

public class LoraMultiheadAttentionTests
{
    private static readonly LoraConfig Config = new() { Rank = 2, Alpha = 6, Targets = ["attention"], Seed = 5 };

    [Theory]
    [InlineData(1, true, false, false)]
    [InlineData(2, true, true, false)]
    [InlineData(4, false, false, true)]
    [InlineData(8, true, true, true)]
    public void With_B_zero_it_equals_the_native_code_with_masks_and_other_keys(int heads, bool bias, bool padded, bool masked)
    {
        random.manual_seed(1);
        using var attention = nn.MultiheadAttention(8, heads, bias: bias);
        if (bias) using (no_grad()) attention.get_parameter("in_proj_bias")!.normal_();
        using Tensor q = randn(5, 3, 8), k = randn(4, 3, 8), v = randn(4, 3, 8);
        using var padding = padded ? tensor(new[] { false, false, false, true, false, true, false, false, false, false, true, true }).view(3, 4) : null;
        using var mask = masked ? randn(5, 4) : null;
        var (expected, seen) = attention.call(q, k, v, padding, true, mask);
        var (same, _) = attention.call(v, v, v, padding, false, null);
        using var lora = new LoraMultiheadAttention(attention, Config);

        var (output, weights) = attention.call(q, k, v, padding, true, mask);
        Assert.True(Near(expected, output) && Near(seen, weights));
        var (alone, none) = attention.call(v, v, v, padding, false, null);
        Assert.True(Near(same, alone) && none.IsInvalid);
        using (no_grad()) lora.B.normal_();
        Assert.False(Near(expected, attention.call(q, k, v, padding, true, mask).Item1));
        lora.Enabled = false;
        Assert.True(Bits.Equal(expected, attention.call(q, k, v, padding, true, mask).Item1));
    }

    [Fact]
    public void A_mask_for_each_head_is_taken_as_the_native_code_takes_it()
    {
        random.manual_seed(2);
        using var attention = nn.MultiheadAttention(8, 4);
        using Tensor x = randn(5, 3, 8), mask = randn(12, 5, 5), never = ones(5, 5).triu(1).mul(-1e9);
        var (expected, _) = attention.call(x, x, x, null, true, mask);
        var (causal, _) = attention.call(x, x, x, null, true, never);
        using var lora = new LoraMultiheadAttention(attention, Config);
        Assert.True(Near(expected, attention.call(x, x, x, null, true, mask).Item1));
        Assert.True(Near(causal, attention.call(x, x, x, null, true, never).Item1));
    }

    [Theory]
    [InlineData(false, null, LoraInitialization.KaimingUniform)]
    [InlineData(false, new[] { LoraBlock.Query, LoraBlock.Value }, LoraInitialization.KaimingUniform)]
    [InlineData(true, new[] { LoraBlock.Key }, LoraInitialization.KaimingUniform)]
    [InlineData(false, null, LoraInitialization.Pissa)]
    public void Gradients_equal_finite_differences(bool dora, LoraBlock[]? blocks, LoraInitialization start)
    {
        random.manual_seed(3);
        using var attention = nn.MultiheadAttention(4, 2);
        attention.to(ScalarType.Float64);
        using var lora = new LoraMultiheadAttention(attention, Config with { Dora = dora, Blocks = blocks, Initialization = start });
        LayerChecks.GradientsEqualFiniteDifferences(lora, 3, 2, 4);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void It_merges_into_what_the_native_code_reads_and_back_bit_for_bit(bool dora)
    {
        random.manual_seed(4);
        using var attention = nn.MultiheadAttention(8, 2);
        using var lora = new LoraMultiheadAttention(attention, Config with { Dora = dora });
        LayerChecks.Fill(lora);
        var weight = attention.get_parameter("in_proj_weight")!;
        using Tensor before = weight.clone(), x = randn(5, 3, 8);
        using var adapted = lora.call(x);
        lora.Merge();
        Assert.False(Bits.Equal(before, weight));
        using var merged = lora.call(x);
        Assert.True(allclose(adapted, merged, rtol: 1e-4, atol: 1e-5));
        using (var native = attention.forward(x, x, x, null, false, null).Item1) Assert.True(Bits.Equal(merged, native));
        lora.Unmerge();
        Assert.True(Bits.Equal(before, weight));
    }

    [Fact]
    public void In_a_model_it_is_named_trained_moved_saved_loaded_and_removed()
    {
        using var model = new Block();
        using var twin = new Block();
        twin.load_state_dict(model.state_dict());
        var names = model.state_dict().Keys.ToList();
        using var x = randn(5, 3, 8);
        using var before = model.call(x);
        var lora = model.InjectLora(Config);
        Assert.Equal(names.Concat(["attention.lora_A.weight", "attention.lora_B.weight"]).Order(), model.state_dict().Keys.Order());
        Assert.Equal(["attention.lora_A.weight", "attention.lora_B.weight"], model.named_parameters().Where(entry => entry.parameter.requires_grad).Select(entry => entry.name));
        model.train();
        Assert.True(lora.Layer("attention").training);
        model.to(ScalarType.Float64);
        Assert.All(model.parameters(), parameter => Assert.Equal(ScalarType.Float64, parameter.dtype));
        using (var wide = x.to(ScalarType.Float64)) model.call(wide).sum().backward();
        model.to(ScalarType.Float32);
        using (no_grad()) lora.Layer<LoraLayer>("attention").B.normal_();
        using var adapted = model.call(x);

        var folder = Directory.CreateTempSubdirectory().FullName;
        try
        {
            lora.Save(folder);
            Assert.Contains("MEDPEFT_LORA", File.ReadAllText(Path.Combine(folder, "adapter_config.json")), StringComparison.Ordinal);
            var loaded = twin.LoadLora(folder);
            using var other = twin.call(x);
            Assert.True(Bits.Equal(adapted, other));
            loaded.Merge();
            using var merged = twin.call(x);
            Assert.True(allclose(adapted, merged, rtol: 1e-4, atol: 1e-5));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        lora.Remove();
        using var after = model.call(x);
        Assert.True(Bits.Equal(before, after));
        Assert.Equal(names, model.state_dict().Keys);
    }

    [Fact]
    public void Training_lowers_the_loss_and_leaves_the_native_weights()
    {
        random.manual_seed(6);
        using var attention = nn.MultiheadAttention(8, 2);
        using var lora = new LoraMultiheadAttention(attention, Config);
        LayerChecks.TrainingChangesOnlyWhatIsTrained(lora, 5, 3, 8);
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(4, .1)]
    [InlineData(4, .5)]
    [InlineData(16, .25)]
    [InlineData(8, 1)]
    public void Heads_and_dropout_are_read_from_the_native_code(int heads, double dropout)
    {
        using var attention = nn.MultiheadAttention(16, heads, dropout);
        attention.eval();
        random.manual_seed(7);
        using var expected = rand(3);
        random.manual_seed(7);
        Assert.Equal(new NativeAttention(heads, dropout, HasZero: false), NativeAttention.Read(attention));
        using var drawn = rand(3);
        Assert.True(Bits.Equal(expected, drawn) && !attention.training);
    }

    [Fact]
    public void Dropout_acts_in_training_only_and_keeps_the_mean()
    {
        random.manual_seed(8);
        using var attention = nn.MultiheadAttention(8, 4, dropout: .25);
        using var lora = new LoraMultiheadAttention(attention, Config);
        using var x = randn(6, 64, 8);
        attention.train();
        var (_, weights) = attention.call(x, x, x);
        using var sums = weights.sum(-1);
        Assert.Equal(1, sums.mean().item<float>(), .05);
        Assert.True(sums.std().item<float>() > .05);
        attention.eval();
        using var still = attention.call(x, x, x).Item2.sum(-1);
        Assert.True(allclose(still, ones_like(still)));
    }

    [Theory]
    [InlineData("kdim", "the layer is a MultiheadAttention with q_proj_weight, k_proj_weight, v_proj_weight, that is, of kdim, vdim or add_bias_kv, which cannot be adapted. Build the attention of Linear layers, or leave it out of Targets.")]
    [InlineData("bias", "the layer is a MultiheadAttention with bias_k, bias_v, that is, of kdim, vdim or add_bias_kv, which cannot be adapted. Build the attention of Linear layers, or leave it out of Targets.")]
    [InlineData("zero", "the layer is a MultiheadAttention with add_zero_attn, which cannot be adapted. Build the attention of Linear layers, or leave it out of Targets.")]
    [InlineData("rank", "Rank 9 is above what the layer can hold (8 inputs, 24 outputs); choose a rank of at most 8.")]
    [InlineData("biases", "the layer is a MultiheadAttention, whose biases cannot be trained by Bias Adapted. Set it to None and name in_proj_bias in Trainable.")]
    [InlineData("eva", "the layer is a MultiheadAttention: Initialization Eva fits Linear layers only. Leave it out of Targets, or take another Initialization.")]
    public void What_does_not_fit_is_refused(string what, string message)
    {
        using var attention = nn.MultiheadAttention(8, 2, add_bias_kv: what == "bias", add_zero_attn: what == "zero", kdim: what == "kdim" ? 6 : null);
        var config = what switch
        {
            "rank" => Config with { Rank = 9 },
            "biases" => Config with { Bias = LoraBias.Adapted },
            "eva" => Config with { Initialization = LoraInitialization.Eva },
            _ => Config,
        };
        Assert.Equal(message, Assert.Throws<LoraException>(() => new LoraMultiheadAttention(attention, config)).Message);
        Assert.All(attention.parameters(), parameter => Assert.True(parameter.requires_grad));
    }

    [Fact]
    public void One_that_is_run_by_forward_is_found_out()
    {
        using var model = new Block { ByForward = true };
        var lora = model.InjectLora(Config);
        using var x = randn(5, 3, 8);
        Assert.Equal("The adapter of 'attention' was not reached in a pass through the model, so it would train nothing. "
            + "'Block.attention' is declared as MultiheadAttention, which cannot hold an adapter, and is run by forward, which skips hooks. Run it by call, or leave it out of Targets.",
            Assert.Throws<LoraException>(() => model.call(x)).Message);
    }

    [Fact]
    public void Two_adapters_take_turns_and_do_not_work_together()
    {
        using var model = new Block();
        model.InjectLora(Config);
        model.InjectLora(Config, "other");
        var set = model.Adapters();
        using var x = randn(5, 3, 8);
        set.Use("other");
        model.call(x).Dispose();
        set.Use("default", "other");
        Assert.Equal("Adapters on a MultiheadAttention, whose batch is not its first dimension, cannot work together or on samples of their own. Use one at a time.",
            Assert.Throws<LoraException>(() => model.call(x)).Message);
    }

    private static bool Near(Tensor a, Tensor b) => allclose(a, b, rtol: 1e-6, atol: 1e-6);

    private sealed class Block : nn.Module<Tensor, Tensor>
    {
        private readonly MultiheadAttention attention = nn.MultiheadAttention(8, 2);
        private readonly Linear head = nn.Linear(8, 4);

        public Block() : base(nameof(Block)) => RegisterComponents();

        public bool ByForward { get; init; }

        public override Tensor forward(Tensor x) =>
            head.call((ByForward ? attention.forward(x, x, x, null, false, null) : attention.call(x, x, x, need_weights: false)).Item1);
    }
}

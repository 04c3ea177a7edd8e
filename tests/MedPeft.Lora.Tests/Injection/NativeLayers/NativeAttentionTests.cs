using MedPeft.Lora.Injection.NativeLayers;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Injection.NativeLayers;

public class NativeAttentionTests
{
    private static readonly LoraConfig Both = new() { Rank = 2, Alpha = 6, Targets = ["in_proj", "out_proj"], Seed = 5 };

    [Theory]
    [InlineData(1, true, false, false)]
    [InlineData(2, true, true, false)]
    [InlineData(4, false, false, true)]
    [InlineData(8, true, true, true)]
    public void With_B_zero_it_equals_the_native_code_with_masks_and_other_keys(int heads, bool bias, bool padded, bool masked)
    {
        using var attention = Attention(8, heads, bias: bias);
        using Tensor q = Noise(1, 5, 3, 8), k = Noise(2, 4, 3, 8), v = Noise(3, 4, 3, 8), x = Noise(4, 4, 3, 8);
        using var padding = padded ? tensor(new[] { false, false, false, true, false, true, false, false, false, false, true, true }).view(3, 4) : null;
        using var mask = masked ? Noise(5, 5, 4) : null;
        var cases = new (Tensor, Tensor, Tensor)[] { (q, k, v), (q, k, k), (x, x, x), (x, k, x) };
        var native = cases.Select(each => attention.call(each.Item1, each.Item2, each.Item3, padding, true, each.Item1.shape[0] == 5 ? mask : null)).ToList();
        var lora = attention.InjectLora(Both);

        foreach (var (each, (expected, seen)) in cases.Zip(native))
        {
            var own = each.Item1.shape[0] == 5 ? mask : null;
            var (output, weights) = attention.call(each.Item1, each.Item2, each.Item3, padding, true, own);
            Assert.True(Near(expected, output) && Near(seen, weights));
            var (alone, none) = attention.call(each.Item1, each.Item2, each.Item3, padding, false, own);
            Assert.True(Near(expected, alone) && none.IsInvalid && alone.is_contiguous());
        }
        Fill(lora);
        Assert.False(Near(native[0].Item1, attention.call(q, k, v, padding, true, mask).Item1));
        using (lora.Disable()) Assert.True(Bits.Equal(native[0].Item1, attention.call(q, k, v, padding, true, mask).Item1));
    }

    [Fact]
    public void A_mask_that_forbids_and_one_of_booleans_act_as_in_the_native_code()
    {
        using var attention = Attention(8, 4);
        using Tensor x = Noise(1, 5, 3, 8), causal = ones(5, 5).triu(1).mul(-1e9), never = zeros(5, 5).masked_fill(ones(5, 5).triu(1).to(ScalarType.Bool), double.NegativeInfinity), flags = ones(5, 5).triu(1).to(ScalarType.Bool);
        var masks = new[] { causal, never, flags };
        var expected = masks.Select(mask => attention.call(x, x, x, null, false, mask).Item1).ToList();
        attention.InjectLora(Both);
        Assert.All(masks.Zip(expected), each => Assert.True(Near(each.Second, attention.call(x, x, x, null, false, each.First).Item1)));
    }

    [Fact]
    public void What_the_native_code_refuses_is_refused_with_its_own_words()
    {
        using var attention = Attention(8, 4);
        attention.InjectLora(Both);
        using Tensor x = Noise(1, 5, 3, 8), mask = zeros(12, 5, 5), other = Noise(2, 4, 3, 8);
        Assert.StartsWith("output with shape [12, 5, 5] doesn't match the broadcast shape [1, 12, 5, 5]", Assert.ThrowsAny<Exception>(() => attention.call(x, x, x, null, true, mask)).Message, StringComparison.Ordinal);
        Assert.StartsWith("key.sizes() == value.sizes() INTERNAL ASSERT FAILED", Assert.ThrowsAny<Exception>(() => attention.call(x, x, other)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, LoraInitialization.KaimingUniform)]
    [InlineData(new[] { LoraBlock.Query, LoraBlock.Value }, LoraInitialization.KaimingUniform)]
    [InlineData(null, LoraInitialization.Pissa)]
    public void Gradients_equal_finite_differences(LoraBlock[]? blocks, LoraInitialization start)
    {
        using var attention = Attention(4, 2);
        attention.to(ScalarType.Float64);
        var lora = attention.InjectLora(Both with { Targets = blocks is null ? Both.Targets : ["in_proj"], Blocks = blocks, Initialization = start });
        Fill(lora);
        using Tensor x = Noise(1, 3, 2, 4).to(ScalarType.Float64).requires_grad_(), y = Noise(2, 2, 2, 4).to(ScalarType.Float64).requires_grad_(), w = Noise(3, 3, 2, 4).to(ScalarType.Float64);
        Tensor Loss() => attention.call(x, y, y, need_weights: false).Item1.tanh().mul(w).sum();
        LayerChecks.GradientsEqualFiniteDifferences(Loss, [.. lora.TrainableParameters().Select(entry => (Tensor)entry.Parameter), x, y]);
        Assert.All(attention.named_parameters().Where(entry => !entry.name.Contains("lora", StringComparison.Ordinal)), entry => Assert.Null(entry.parameter.grad));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void It_merges_into_what_the_native_code_reads_and_back_bit_for_bit(bool dora)
    {
        using var attention = Attention(8, 2);
        var lora = attention.InjectLora(Both with { Dora = dora });
        Fill(lora);
        var native = new[] { "in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias" }.Select(name => attention.get_parameter(name)!).ToList();
        var before = native.Select(parameter => parameter.clone()).ToList();
        using var x = Noise(1, 5, 3, 8);
        var adapted = attention.call(x, x, x);
        lora.Merge();
        Assert.False(Bits.Equal(before[0], native[0]) || Bits.Equal(before[2], native[2]));
        var merged = attention.call(x, x, x);
        Assert.True(allclose(adapted.Item1, merged.Item1, rtol: 1e-5, atol: 1e-6) && allclose(adapted.Item2, merged.Item2, rtol: 1e-5, atol: 1e-6));
        Assert.True(Bits.Equal(merged.Item1, attention.forward(x, x, x, null, true, null).Item1));
        lora.Unmerge();
        Assert.All(before.Zip(native), pair => Assert.True(Bits.Equal(pair.First, pair.Second)));
        Assert.True(Bits.Equal(adapted.Item1, attention.call(x, x, x).Item1));

        lora.MergeAndRemove();
        Assert.Equal(["in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"], attention.state_dict().Keys);
        Assert.True(Bits.Equal(merged.Item1, attention.call(x, x, x).Item1));
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(4, .1)]
    [InlineData(4, .5)]
    [InlineData(16, .25)]
    [InlineData(8, 1)]
    public void Heads_and_dropout_are_read_from_the_native_code(int heads, double dropout)
    {
        using var attention = Attention(16, heads, dropout);
        attention.eval();
        random.manual_seed(7);
        using var expected = rand(3);
        random.manual_seed(7);
        Assert.Equal(new NativeSettings(heads, dropout, IsGelu: false), NativeLayer.Of(attention)!.Settings);
        using var drawn = rand(3);
        Assert.True(Bits.Equal(expected, drawn) && !attention.training);
    }

    [Fact]
    public void Dropout_acts_in_training_only_and_in_the_native_distribution()
    {
        using var attention = Attention(8, 4, .25);
        using var x = Noise(1, 6, 64, 8);
        attention.train();
        random.manual_seed(3);
        using var native = attention.call(x, x, x).Item2.sum(-1);
        attention.InjectLora(Both);
        random.manual_seed(4);
        using var sums = attention.call(x, x, x).Item2.sum(-1);
        Assert.Equal(1, sums.mean().item<float>(), .02);
        Assert.Equal(native.std().item<float>(), sums.std().item<float>(), .02);
        attention.eval();
        using var still = attention.call(x, x, x).Item2.sum(-1);
        Assert.True(allclose(still, ones_like(still)));
        attention.train();
        using Tensor once = attention.call(x, x, x, need_weights: false).Item1, twice = attention.call(x, x, x, need_weights: false).Item1;
        Assert.False(Bits.Equal(once, twice));
    }

    [Fact]
    public void The_native_code_is_handed_one_token_unless_others_have_hooks()
    {
        using var attention = Attention(8, 2);
        using var x = Noise(1, 5, 3, 8);
        attention.InjectLora(Both);
        using var alone = attention.call(x, x, x, need_weights: false).Item1;
        var seen = new List<long>();
        attention.register_forward_hook((_, query, _, _, _, _, _, output) =>
        {
            seen.AddRange([query.shape[0], output.Item1.shape[0]]);
            return output;
        });
        using var watched = attention.call(x, x, x, need_weights: false).Item1;
        Assert.Equal([5, 5], seen);
        Assert.True(Bits.Equal(alone, watched));
    }

    [Fact]
    public void In_a_model_it_is_named_trained_moved_saved_loaded_and_removed()
    {
        using var model = new Block();
        using var twin = new Block();
        using (no_grad())
            foreach (var (name, value) in model.state_dict()) twin.state_dict()[name].copy_(value);
        var names = model.state_dict().Keys.ToList();
        using var x = Noise(1, 5, 3, 8);
        using var before = model.call(x);
        var config = Both with { Targets = ["attention.in_proj", "out_proj", "head"], Bias = LoraBias.Adapted };
        var plan = model.PlanLora(config);
        var lora = model.InjectLora(config);
        Assert.Equal(plan.Parameters.Trained, lora.Parameters.Trained);
        Assert.Equal(["attention.in_proj", "attention.out_proj", "head"], lora.Layers.Select(layer => layer.Path));
        Assert.Equal(names.Concat(new[] { "attention.in_proj", "attention.out_proj", "head" }.SelectMany(path => new[] { $"{path}.lora_A.weight", $"{path}.lora_B.weight" })).Order(), model.state_dict().Keys.Order());
        Assert.Equal(["attention.in_proj_bias", "attention.out_proj.bias", "head.bias"], model.named_parameters().Where(entry => entry.parameter.requires_grad && entry.name.EndsWith("bias", StringComparison.Ordinal)).Select(entry => entry.name));
        model.eval();
        Assert.False(lora.Layer("attention.in_proj").training);
        model.train();
        Assert.True(lora.Layer("attention.in_proj").training);
        model.to(ScalarType.Float64);
        Assert.All(model.parameters(), parameter => Assert.Equal(ScalarType.Float64, parameter.dtype));
        using (var wide = x.to(ScalarType.Float64)) model.call(wide).sum().backward();
        Assert.All(lora.TrainableParameters().Where(entry => !entry.Name.EndsWith("lora_A.weight", StringComparison.Ordinal)), entry => Assert.NotNull(entry.Parameter.grad));
        foreach (var (_, parameter) in lora.TrainableParameters()) parameter.grad = null;
        model.to(ScalarType.Float32);
        Fill(lora);
        using (no_grad()) model.get_parameter("attention.in_proj_bias")!.add_(.1);
        using var adapted = model.call(x);

        var folder = Directory.CreateTempSubdirectory().FullName;
        try
        {
            lora.Save(folder);
            Assert.Contains("is a projection of a MultiheadAttention, and PEFT adapts both together under other names.", lora.PeftObstacles()[0], StringComparison.Ordinal);
            Assert.Contains("\"MEDPEFT_LORA\"", File.ReadAllText(Path.Combine(folder, "adapter_config.json")), StringComparison.Ordinal);
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
    }

    [Theory]
    [InlineData(true, "The bias of 'in_proj' had a gradient when the model was converted, and TorchSharp then gives the MultiheadAttention a new one that its native code does not read. Call zero_grad() before to().")]
    [InlineData(false, "'in_proj' has been converted by itself, and the MultiheadAttention that it lies in has lost its weight. Convert the model as a whole, and train it in Precision Float32.")]
    public void Parameters_that_the_native_code_does_not_read_are_found_out(bool byGradient, string message)
    {
        using var attention = Attention(8, 2);
        var lora = attention.InjectLora(Both with { Targets = ["in_proj"], Bias = LoraBias.Adapted });
        using Tensor x = Noise(1, 5, 3, 8), wide = x.to(ScalarType.Float64);
        if (byGradient)
        {
            attention.call(x, x, x).Item1.sum().backward();
            attention.to(ScalarType.Float64);
        }
        else lora.Layer("in_proj").Base.to(ScalarType.Float64);
        Assert.Equal(message, Assert.Throws<LoraException>(() => attention.call(wide, wide, wide)).Message);
        Assert.Equal(message, Assert.Throws<LoraException>(() => lora.Layer("in_proj").Merge()).Message);
    }

    [Fact]
    public void Removed_it_leaves_the_native_layer_as_it_was()
    {
        using var model = new Block();
        var names = model.state_dict().Keys.ToList();
        using var x = Noise(1, 5, 3, 8);
        using var before = model.call(x);
        var lora = model.InjectLora(Both);
        Fill(lora);
        model.call(x).Dispose();
        lora.Remove();
        using var after = model.call(x);
        Assert.True(Bits.Equal(before, after));
        Assert.Equal(names, model.state_dict().Keys);
        Assert.All(model.parameters(), parameter => Assert.True(parameter.requires_grad));
        using (no_grad()) model.InjectLora(Both); // once more
    }

    [Fact]
    public void Named_adapters_take_turns_work_together_and_serve_one_batch()
    {
        using var model = new Block();
        using var x = Noise(1, 5, 3, 8);
        var one = model.InjectLora(Both, "one");
        Fill(one, 1);
        using var alone = model.call(x);
        var two = model.InjectLora(Both with { Targets = ["in_proj"] }, "two");
        Fill(two, 2);
        using var other = model.call(x);
        var set = model.Adapters();
        set.Use("one");
        using var again = model.call(x);
        Assert.True(Bits.Equal(alone, again) && !allclose(alone, other));
        set.Use("one", "two");
        using var both = model.call(x);
        Assert.False(allclose(both, alone) || allclose(both, other));
        model.eval();
        using var none = no_grad();
        using var plain = ((Func<Tensor>)(() =>
        {
            using (one.Disable())
            using (two.Disable())
                return model.call(x);
        }))();
        using (set.Route(["one", null, "two"]))
        {
            using var routed = model.call(x);
            Assert.True(Near(alone.select(1, 0), routed.select(1, 0)) && Near(plain.select(1, 1), routed.select(1, 1)) && Near(other.select(1, 2), routed.select(1, 2)));
        }
    }

    [Fact]
    public void One_that_is_run_by_forward_is_found_out()
    {
        using var model = new Block { ByForward = true };
        model.InjectLora(Both);
        using var x = Noise(1, 5, 3, 8);
        Assert.Equal("The adapter of 'attention.in_proj' was not reached in a pass through the model, nor were 1 others, so it would train nothing. "
            + "It lies in a MultiheadAttention, which the model ran by forward where TorchSharp skips hooks, or not at all. Run it by call, or leave it out of Targets.",
            Assert.Throws<LoraException>(() => model.call(x)).Message);
    }

    [Theory]
    [InlineData("kdim", "'attention' matches Targets [\"attention\"], but is of type MultiheadAttention, not Linear, Conv2d or Embedding: its weights lie in native code, and one with q_proj_weight, k_proj_weight, v_proj_weight, that is, of kdim, vdim or add_bias_kv, cannot be opened. Build the attention of Linear layers.")]
    [InlineData("bias", "'attention' matches Targets [\"attention\"], but is of type MultiheadAttention, not Linear, Conv2d or Embedding: its weights lie in native code, and one with bias_k, bias_v, that is, of kdim, vdim or add_bias_kv, cannot be opened. Build the attention of Linear layers.")]
    [InlineData("whole", "'attention' matches Targets [\"attention\"], but is of type MultiheadAttention, not Linear, Conv2d or Embedding: its weights lie in native code. Name the projections in it. Layers below it that can be adapted: attention.in_proj, attention.out_proj (2).")]
    [InlineData("zero", "'attention.in_proj' cannot be adapted: the MultiheadAttention that it lies in was made with add_zero_attn, or does not tell how many heads it has. Leave it out by Targets or Exclude, or build the layer of Linear layers.")]
    [InlineData("half", "'attention.in_proj' cannot be adapted: the MultiheadAttention that it lies in has dropout in half precision, too coarse to read its rate from; adapt it before it is converted. Leave it out by Targets or Exclude, or build the layer of Linear layers.")]
    [InlineData("rank", "Rank 9 is above what 'attention.in_proj' can hold (8 inputs, 24 outputs); choose a rank of at most 8.")]
    public void What_does_not_fit_is_refused(string what, string message)
    {
        using var attention = Attention(8, 2, what == "half" ? .1 : 0, addBias: what == "bias", addZero: what == "zero", kdim: what == "kdim" ? 6 : null);
        if (what == "half") attention.to(ScalarType.BFloat16);
        using var model = new Block(attention);
        var config = what switch
        {
            "kdim" or "bias" or "whole" => Both with { Targets = ["attention"] },
            "rank" => Both with { Rank = 9 },
            _ => Both,
        };
        Assert.Equal(message, Assert.Throws<LoraException>(() => model.InjectLora(config)).Message);
        Assert.All(attention.parameters(), parameter => Assert.True(parameter.requires_grad));
    }

    [Fact]
    public void Passes_keep_no_tensors()
    {
        using var attention = Attention(8, 2);
        var lora = attention.InjectLora(Both);
        Fill(lora);
        using var x = Noise(1, 5, 3, 8);
        void Pass()
        {
            using var scope = NewDisposeScope();
            attention.call(x, x, x).Item1.sum().backward();
        }

        Pass();
        foreach (var (_, parameter) in lora.TrainableParameters()) parameter.grad = null;
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        Pass();
        foreach (var (_, parameter) in lora.TrainableParameters()) parameter.grad = null;
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    private static MultiheadAttention Attention(long width, int heads, double dropout = 0, bool bias = true, bool addBias = false, bool addZero = false, long? kdim = null)
    {
        random.manual_seed(1);
        var attention = nn.MultiheadAttention(width, heads, dropout, bias, addBias, addZero, kdim);
        using (no_grad())
            if (bias) foreach (var name in new[] { "in_proj_bias", "out_proj.bias" }) attention.get_parameter(name)!.normal_(); // zero at first
        return attention;
    }

    private static void Fill(LoraAdapter lora, ulong seed = 0)
    {
        foreach (var (_, layer) in lora.Entries) LayerChecks.Fill(layer, seed: 11 + seed);
    }

    private static Tensor Noise(ulong seed, params long[] shape)
    {
        using var generator = new Generator(seed);
        return empty(shape).normal_(0, 1, generator);
    }

    private static bool Near(Tensor a, Tensor b) => allclose(a, b, rtol: 1e-6, atol: 1e-6);

    private sealed class Block : nn.Module<Tensor, Tensor>
    {
        private readonly MultiheadAttention attention;
        private readonly Linear head = nn.Linear(8, 4);

        public Block(MultiheadAttention? own = null) : base(nameof(Block))
        {
            attention = own ?? Attention(8, 2);
            RegisterComponents();
        }

        public bool ByForward { get; init; }

        public override Tensor forward(Tensor x) =>
            head.call((ByForward ? attention.forward(x, x, x, null, false, null) : attention.call(x, x, x, need_weights: false)).Item1);
    }
}

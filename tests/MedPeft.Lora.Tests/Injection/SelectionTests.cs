using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MedPeft.Lora.Tests.Injection;

/// <summary>What a configuration selects, and the texts of its refusals.</summary>
public class SelectionTests
{
    [Theory]
    [InlineData("qkv", "blocks.0.attn.qkv", "blocks.1.attn.qkv")]
    [InlineData("attn.qkv", "blocks.0.attn.qkv", "blocks.1.attn.qkv")]
    [InlineData("blocks.1.attn.qkv", "blocks.1.attn.qkv")]
    [InlineData("head", "head")]
    public void A_name_matches_a_path_or_its_end_from_a_dot_on(string target, params string[] paths)
    {
        using var model = Transformer();
        var lora = model.InjectLora(new LoraConfig { Rank = 2, Targets = [target] });
        Assert.Equal(paths, lora.Layers.Select(layer => layer.Path));
    }

    [Theory]
    [InlineData("query", "No module matches Targets [\"query\"]. Linear layers here: blocks.0.attn.qkv, blocks.0.attn.proj, blocks.0.mlp.fc1, head, … (7).")]
    [InlineData("kv", "No module matches Targets [\"kv\"]. Linear layers here: blocks.0.attn.qkv, blocks.0.attn.proj, blocks.0.mlp.fc1, head, … (7).")]
    [InlineData("tn.qkv", "No module matches Targets [\"tn.qkv\"]. Linear layers here: blocks.0.attn.qkv, blocks.0.attn.proj, blocks.0.mlp.fc1, head, … (7).")]
    [InlineData("attn", "'blocks.0.attn' matches Targets [\"attn\"], but is of type Attention, not Linear, Conv2d or Embedding. Layers below it that can be adapted: blocks.0.attn.qkv, blocks.0.attn.proj (2).")]
    [InlineData("fc_norm", "'fc_norm' matches Targets [\"fc_norm\"], but is of type LayerNorm, not Linear, Conv2d or Embedding.")]
    public void A_target_that_is_no_linear_layer_is_refused(string target, string message)
    {
        using var model = Transformer();
        Assert.Equal(message, Refused(model, new LoraConfig { Rank = 2, Targets = [target] }));
    }

    [Fact]
    public void Each_target_must_match()
    {
        using var model = Transformer();
        Assert.StartsWith("No module matches Targets [\"quary\"]. ", Refused(model, new LoraConfig { Rank = 2, Targets = ["qkv", "quary"] }), StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_without_layers_is_told_so()
    {
        using var norm = new Holders.Holder(LayerNorm([4]));
        Assert.Equal("No module matches Targets [\"qkv\"]. Holder has no Linear layers.", Refused(norm, new LoraConfig()));
        using var forgetful = new Forgetful();
        Assert.Equal("No module matches Targets [\"qkv\"]. Forgetful has no Linear layers and no modules at all; does its constructor call RegisterComponents()?",
            Refused(forgetful, new LoraConfig()));
        using var linear = Linear(4, 4);
        Assert.Equal("The model is itself a Linear layer, which has no place to put an adapter in. Adapt it by new LoraLinear(layer, config).", Refused(linear, new LoraConfig()));
    }

    [Theory]
    [InlineData("qkv", 9, null, "Rank 9 is above what 'blocks.0.attn.qkv' can hold (8 inputs, 24 outputs); choose a rank of at most 8.")]
    [InlineData("head", 4, null, "Rank 4 is above what 'head' can hold (8 inputs, 3 outputs); choose a rank of at most 3.")]
    [InlineData("qkv", 9, LoraBlock.Value, "Rank 9 is above what 'blocks.0.attn.qkv' can hold (8 inputs, 8 outputs a block); choose a rank of at most 8.")]
    [InlineData("proj", 2, LoraBlock.Value, "'blocks.0.attn.proj' has 8 outputs, which is no multiple of 3: Blocks [Value] fits a fused qkv layer only. Leave Blocks null to adapt the whole layer.")]
    public void A_rank_or_blocks_that_do_not_fit_are_refused_and_change_nothing(string target, int rank, LoraBlock? block, string message)
    {
        using var model = Transformer();
        var keys = model.state_dict().Keys.ToList();
        Assert.Equal(message, Refused(model, new LoraConfig { Rank = rank, Targets = [target], Blocks = block is null ? null : [block.Value] }));
        Assert.Equal(keys, model.state_dict().Keys);
        Assert.All(model.parameters(), parameter => Assert.True(parameter.requires_grad));
    }

    [Fact]
    public void Blocks_refuse_layers_that_are_no_fused_qkv_beside_one_that_is()
    {
        using var model = Transformer();
        Assert.Equal("Blocks [Query, Value] fits a fused qkv such as 'blocks.0.attn.qkv', but 'blocks.0.mlp.fc1' is to be adapted as well, which is none. "
            + "Adapt the two by two calls of InjectLora, the second without Blocks.",
            Refused(model, new LoraConfig { Rank = 2, Targets = ["qkv", "fc1"], Blocks = [LoraBlock.Value, LoraBlock.Query] }));
    }

    [Fact]
    public void A_layer_is_adapted_once()
    {
        using var model = Transformer();
        model.InjectLora(new LoraConfig { Rank = 2, Targets = ["blocks.1.attn.qkv"] });
        Assert.Equal("'blocks.1.attn.qkv' is adapted already. Remove its adapter first, leave the layer out, or give the new adapter a name of its own.", Refused(model, new LoraConfig { Rank = 2 }));
    }

    [Theory]
    [InlineData("haed", "No module matches Trainable [\"haed\"]. Modules here: head, blocks, blocks.0, blocks.0.attn, blocks.0.attn.qkv, blocks.0.attn.proj, … (15).")]
    [InlineData("norm", "No module matches Trainable [\"norm\"]. Modules here: fc_norm, blocks, blocks.0, blocks.0.attn, blocks.0.attn.qkv, blocks.0.attn.proj, … (15).")]
    [InlineData("qkv", "'blocks.0.attn.qkv' is adapted and cannot be trained in full as well. Take it out of Targets or out of Trainable.")]
    [InlineData("blocks.0", "'blocks.0' in Trainable contains the adapted layer 'blocks.0.attn.qkv'. Name the modules to train in full one by one.")]
    [InlineData("qkv.bias", "'blocks.0.attn.qkv' is adapted and cannot be trained in full as well. Take it out of Targets or out of Trainable.")]
    public void Trainable_modules_that_do_not_exist_or_are_adapted_are_refused(string trainable, string message)
    {
        using var model = Transformer();
        Assert.Equal(message, Refused(model, new LoraConfig { Rank = 2, Trainable = [trainable] }));
    }

    [Theory]
    [InlineData(@"blocks\.1\..*", "blocks.1.attn.qkv", "blocks.1.attn.proj", "blocks.1.mlp.fc1")]
    [InlineData(@".*\.(qkv|fc1)", "blocks.0.attn.qkv", "blocks.0.mlp.fc1", "blocks.1.attn.qkv", "blocks.1.mlp.fc1")]
    [InlineData("head|blocks.0.attn.proj", "blocks.0.attn.proj", "head")]
    public void A_pattern_matches_whole_paths(string pattern, params string[] paths) =>
        Assert.Equal(paths, Adapted(new LoraConfig { Rank = 2, TargetPattern = pattern }));

    [Fact]
    public void All_linear_layers_are_those_that_are_not_trained_in_full()
    {
        Assert.Equal(7, Adapted(new LoraConfig { Rank = 2, AllLinear = true }).Count);
        Assert.Equal(["blocks.0.attn.qkv", "blocks.0.attn.proj", "blocks.1.attn.qkv", "blocks.1.attn.proj"],
            Adapted(new LoraConfig { Rank = 2, AllLinear = true, Trainable = ["head"], Exclude = ["mlp"] }));
    }

    [Theory]
    [InlineData("blocks.1..1", "blocks.1.attn.qkv")]
    [InlineData("blocks.0..1", "blocks.0.attn.qkv", "blocks.1.attn.qkv")]
    [InlineData("1.attn", "blocks.1.attn.qkv")]
    public void Layers_may_be_restricted_to_modules_and_ranges_of_them(string within, params string[] paths) =>
        Assert.Equal(paths, Adapted(new LoraConfig { Rank = 2, Within = [within] }));

    [Fact]
    public void The_longest_name_decides_a_layers_rank_and_alpha()
    {
        using var model = Transformer();
        var lora = model.InjectLora(new LoraConfig
        {
            Rank = 2, Alpha = 4, Targets = ["qkv", "proj"],
            RankPattern = new Dictionary<string, int> { ["blocks.0.attn.qkv"] = 6, ["qkv"] = 3 }, AlphaPattern = new Dictionary<string, double> { ["proj"] = 1 },
        });
        Assert.Equal([(6, 4.0), (2, 1.0), (3, 4.0), (2, 1.0)], lora.Layers.Select(layer => (layer.Rank, layer.Alpha)));
        Assert.Equal([6, 2, 3, 2], lora.Layers.Select(layer => lora.Layer<LoraLayer>(layer.Path).A.shape[0]));
    }

    [Theory]
    [InlineData(LoraBias.Adapted, "blocks.0.attn.qkv.bias", "blocks.1.attn.qkv.bias")]
    [InlineData(LoraBias.All, "blocks.0.attn.qkv.bias", "blocks.0.attn.proj.bias", "blocks.0.mlp.fc1.bias",
        "blocks.1.attn.qkv.bias", "blocks.1.attn.proj.bias", "blocks.1.mlp.fc1.bias", "fc_norm.bias", "head.bias")]
    public void Biases_are_trained_where_asked(LoraBias bias, params string[] names)
    {
        using var model = Transformer();
        var lora = model.InjectLora(new LoraConfig { Rank = 2, Bias = bias });
        Assert.Equal(names, lora.TrainableParameters().Select(entry => entry.Name).Where(name => !name.Contains("lora_", StringComparison.Ordinal)));
    }

    public static TheoryData<LoraConfig, string> Refusals => new()
    {
        { new() { AllLinear = true, TargetPattern = ".*" }, "AllLinear and TargetPattern both say which layers to adapt; set one of them." },
        { new() { TargetPattern = ".*query" }, "No module matches TargetPattern \".*query\". Linear layers here: blocks.0.attn.qkv, blocks.0.attn.proj, blocks.0.mlp.fc1, head, … (7)." },
        { new() { Rank = 2, Exclude = ["projj"] }, "No module matches Exclude [\"projj\"]. Modules here: blocks.0.attn.proj, blocks, blocks.0, blocks.0.attn, blocks.0.attn.qkv, blocks.0.mlp, … (15)." },
        { new() { Rank = 2, Within = ["blocks.1..3"] }, "No module matches Within [\"blocks.2\", \"blocks.3\"]. Modules here: blocks, blocks.0, blocks.0.attn, blocks.0.attn.qkv, blocks.0.attn.proj, blocks.0.mlp, … (15)." },
        { new() { Rank = 2, Exclude = ["attn"] }, "Exclude [\"attn\"] and Within [] leave none of the 2 layers to adapt: blocks.0.attn.qkv, … (2)." },
        { new() { Rank = 2, RankPattern = new Dictionary<string, int> { ["fc1"] = 3 } }, "No adapted layer matches RankPattern [\"fc1\"]. Adapted layers: blocks.0.attn.qkv, … (2)." },
        { new() { Rank = 2, AlphaPattern = new Dictionary<string, double> { ["fc1"] = 3 } }, "No adapted layer matches AlphaPattern [\"fc1\"]. Adapted layers: blocks.0.attn.qkv, … (2)." },
        { new() { Rank = 2, RankPattern = new Dictionary<string, int> { ["blocks.1.attn.qkv"] = 9 } }, "Rank 9 is above what 'blocks.1.attn.qkv' can hold (8 inputs, 24 outputs); choose a rank of at most 8." },
    };

    [Theory, MemberData(nameof(Refusals))]
    public void A_configuration_that_selects_nothing_is_refused(LoraConfig config, string message)
    {
        using var model = Transformer();
        Assert.Equal(message, Refused(model, config));
    }

    [Fact]
    public void A_layer_in_native_code_is_refused_with_the_reason()
    {
        using var model = Sequential(("layer", TransformerEncoderLayer(4, 2)));
        Assert.Equal("'layer' matches Targets [\"layer\"], but is of type TransformerEncoderLayer, not Linear, Conv2d or Embedding: its weights lie in native code. Name the projections in it. "
            + "Layers below it that can be adapted: layer.self_attn.in_proj, layer.self_attn.out_proj, layer.linear1, layer.linear2 (4).", Refused(model, new LoraConfig { Targets = ["layer"] }));
        using var other = new Decoding();
        Assert.Equal("'decoder' matches Targets [\"decoder\"], but is of type TransformerDecoderLayer, not Linear, Conv2d or Embedding: its weights lie in native code, which runs past adapters. Build the attention of Linear layers.",
            Refused(other, new LoraConfig { Targets = ["decoder"] }));
    }

    [Fact]
    public void Everything_but_the_adapters_and_what_is_named_is_frozen()
    {
        using var model = Transformer();
        var lora = model.InjectLora(new LoraConfig { Rank = 2, Trainable = ["head", "fc_norm", "mlp.fc1.bias"] });
        Assert.Equal(
            [
                "blocks.0.attn.qkv.lora_A.weight", "blocks.0.attn.qkv.lora_B.weight", "blocks.0.mlp.fc1.bias",
                "blocks.1.attn.qkv.lora_A.weight", "blocks.1.attn.qkv.lora_B.weight", "blocks.1.mlp.fc1.bias",
                "fc_norm.weight", "fc_norm.bias", "head.weight", "head.bias",
            ], lora.TrainableParameters().Select(entry => entry.Name));
    }

    internal static Module<Tensor, Tensor> Transformer() => Sequential(
        ("blocks", new ListOfBlocks(2)), ("fc_norm", LayerNorm([8])), ("head", Linear(8, 3)));

    private static IReadOnlyList<string> Adapted(LoraConfig config)
    {
        using var model = Transformer();
        return [.. model.InjectLora(config).Layers.Select(layer => layer.Path)];
    }

    private static string Refused(Module model, LoraConfig config) => Assert.Throws<LoraException>(() => model.InjectLora(config)).Message;

    private sealed class Forgetful : Module<Tensor, Tensor>
    {
        private readonly Module<Tensor, Tensor> fc = Linear(4, 4);
        public Forgetful() : base("Net") { }
        public override Tensor forward(Tensor x) => fc.call(x);
    }

    private sealed class ListOfBlocks : Module<Tensor, Tensor>
    {
        public ListOfBlocks(int depth) : base("Net")
        {
            for (var i = 0; i < depth; i++) register_module($"{i}", new Block());
        }

        public override Tensor forward(Tensor x) => named_children().Aggregate(x, (y, child) => ((Block)child.module).call(y));
    }

    private sealed class Block : Module<Tensor, Tensor>
    {
        private readonly Module<Tensor, Tensor> attn = new Attention();
        private readonly Module<Tensor, Tensor> mlp = Sequential(("fc1", Linear(8, 8)));
        public Block() : base("Block") => RegisterComponents();
        public override Tensor forward(Tensor x) => x + mlp.call(x + attn.call(x));
    }

    private sealed class Attention : Module<Tensor, Tensor>
    {
        private readonly Linear qkv = Linear(8, 24), proj = Linear(8, 8);
        public Attention() : base("Attention") => RegisterComponents();

        public override Tensor forward(Tensor x)
        {
            var parts = qkv.call(x).chunk(3, -1);
            return proj.call(functional.scaled_dot_product_attention(parts[0], parts[1], parts[2]));
        }
    }

    private sealed class Decoding : Module<Tensor, Tensor>
    {
        private readonly TransformerDecoderLayer decoder = TransformerDecoderLayer(4, 2);

        public Decoding() : base(nameof(Decoding)) => RegisterComponents();

        public override Tensor forward(Tensor x) => decoder.call(x, x, null!, null!, null!, null!);
    }
}

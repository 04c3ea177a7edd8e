using System.Text.Json.Nodes;
using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Tests.Checkpoints;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MedPeft.Lora.Tests.Injection.Peft;

/// <summary>What plain LoRA, all that PEFT knows, reads in our folders is the same update; and it comes back as it was.</summary>
public sealed class LoraFormTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    private string Saved => _folder.File("adapter");

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    public static TheoryData<LoraConfig, int> Blocks
    {
        get
        {
            var data = new TheoryData<LoraConfig, int>();
            LoraBlock[][] choices = [[LoraBlock.Query, LoraBlock.Value], [LoraBlock.Key], [LoraBlock.Query, LoraBlock.Key, LoraBlock.Value]];
            foreach (var blocks in choices)
                foreach (var stabilized in new[] { false, true })
                    foreach (var dora in blocks.Length == 2 ? new[] { false, true } : [stabilized])
                        data.Add(new LoraConfig
                        {
                            Rank = 4, Alpha = 32, Blocks = blocks, RankStabilized = stabilized, Dora = dora, Dropout = .1, Trainable = ["head", "fc_norm"], Seed = 7,
                            RankPattern = new Dictionary<string, int> { ["blocks.1.attn.qkv"] = 2 }, AlphaPattern = new Dictionary<string, double> { ["2.attn.qkv"] = 5.3 },
                        }, blocks.Length);
            return data;
        }
    }

    [Theory, MemberData(nameof(Blocks))]
    public void Blocks_of_a_fused_qkv_are_plain_LoRA_in_the_folder_and_blocks_again_when_loaded(LoraConfig config, int blocks)
    {
        using var model = PeftGoldenTests.Base();
        var lora = Filled(model.InjectLora(config));
        model.eval();
        using var logits = PeftGoldenTests.Logits(model);
        lora.Save(Saved);
        Assert.Empty(lora.PeftObstacles());

        var fields = Fields();
        Assert.Equal(4 * blocks, fields["r"]!.GetValue<int>());
        Assert.Equal(config.RankStabilized ? Math.Sqrt(blocks) * 32 : blocks * 32, fields["lora_alpha"]!.GetValue<double>());
        Assert.Equal($$"""{"blocks.1.attn.qkv":{{2 * blocks}}}""", fields["rank_pattern"]!.ToJsonString());
        foreach (var layer in lora.Layers) SameUpdate(lora, layer.Path);

        using var own = PeftGoldenTests.Base();
        var loaded = own.LoadLora(Saved);
        own.eval();
        Assert.Equal(config, loaded.Config);
        using (var after = PeftGoldenTests.Logits(own)) Assert.True(Bits.Equal(logits, after));

        // Without our file the zeros tell; of DoRA they tell too little, and it stays one update of the whole layer.
        File.Delete(Path.Combine(Saved, "medpeft_config.json"));
        using var foreign = PeftGoldenTests.Base();
        var imported = foreign.LoadLora(Saved);
        foreign.eval();
        Assert.Equal(config.Dora ? config with { Blocks = null, Rank = 4 * blocks, Alpha = fields["lora_alpha"]!.GetValue<double>(), Seed = 0, RankPattern = imported.Layers.Skip(1).Take(1).ToDictionary(layer => layer.Path, layer => layer.Rank), AlphaPattern = ((LoraConfig)imported.Config).AlphaPattern } : config with { Seed = 0 },
            imported.Config);
        using (var after = PeftGoldenTests.Logits(foreign)) TensorAssert.Close(logits, after, 1e-5, "imported");
    }

    [Theory]
    [InlineData(LoraInitialization.Pissa, true)]
    [InlineData(LoraInitialization.Olora, false)]
    public void A_start_at_a_part_of_the_weight_is_plain_LoRA_of_twice_the_rank_and_comes_back(LoraInitialization start, bool blocks)
    {
        var config = new LoraConfig { Rank = 3, Alpha = 5, Initialization = start, RankStabilized = blocks, Blocks = blocks ? [LoraBlock.Query, LoraBlock.Value] : null };
        using var model = PeftGoldenTests.Base();
        var lora = Filled(model.InjectLora(config));
        using var logits = PeftGoldenTests.Logits(model);
        lora.Save(Saved);
        Assert.Empty(lora.PeftObstacles());
        Assert.Equal(blocks ? 12 : 6, Fields()["r"]!.GetValue<int>());
        foreach (var layer in lora.Layers) SameUpdate(lora, layer.Path);
        using var other = PeftGoldenTests.Base();
        Assert.Equal(config, other.LoadLora(Saved).Config);
        using var after = PeftGoldenTests.Logits(other);
        Assert.True(Bits.Equal(logits, after));
    }

    [Fact]
    public void A_plain_adapter_of_PEFT_is_not_taken_for_blocks()
    {
        using var model = PeftGoldenTests.Base();
        var lora = model.InjectLora(new LoraConfig { Rank = 4 }); // B is all zeros: nothing tells of blocks
        lora.Save(Saved);
        File.Delete(Path.Combine(Saved, "medpeft_config.json"));
        using var other = PeftGoldenTests.Base();
        Assert.Null(((LoraConfig)other.LoadLora(Saved).Config).Blocks);
    }

    [Fact]
    public void Groups_of_a_convolution_are_plain_LoRA_with_zeros_between_the_groups()
    {
        using var model = Convolutions(groups: 2);
        var config = new LoraConfig { Rank = 2, Alpha = 3, Targets = ["grouped", "plain"], RankStabilized = true };
        var lora = Filled(model.InjectLora(config));
        using var x = randn(2, 4, 6, 6);
        using var before = model.call(x);
        lora.Save(Saved);
        Assert.Empty(lora.PeftObstacles());
        using (var file = Safetensors.Open(Path.Combine(Saved, "adapter_model.safetensors")))
        {
            Tensor a = file.Read("base_model.model.grouped.lora_A.weight"), b = file.Read("base_model.model.grouped.lora_B.weight");
            Assert.Equal([4, 4, 3, 3], a.shape);
            Assert.Equal([6, 2, 1, 1], b.shape);
            // PEFT's own layers: A without groups, B with the base's.
            var r = Fields() is var fields && fields["rank_pattern"]!["grouped"] is { } single ? single.GetValue<int>() : Fields()["r"]!.GetValue<int>();
            var alpha = Fields()["alpha_pattern"]!["grouped"] is { } one ? one.GetValue<double>() : Fields()["lora_alpha"]!.GetValue<double>();
            Assert.Equal(4, r);
            using var low = functional.conv2d(x, a, null, [2, 2], [1, 1]);
            using var update = functional.conv2d(low, b, groups: 2) * (alpha / Math.Sqrt(r));
            using var adapted = lora.Layer("grouped").call(x);
            using var off = lora.Disable();
            using var without = lora.Layer("grouped").call(x);
            TensorAssert.Close(adapted - without, update, 1e-4, "update");
        }
        foreach (var ownFile in new[] { true, false })
        {
            if (!ownFile) File.Delete(Path.Combine(Saved, "medpeft_config.json"));
            using var other = Convolutions(groups: 2);
            other.load_state_dict(Base(model));
            var loaded = other.LoadLora(Saved);
            Assert.Equal(lora.Layers, loaded.Layers);
            using var after = other.call(x);
            Assert.True(Bits.Equal(before, after));
        }

        // An adapter that PEFT has trained reads the channels of all groups.
        using (var file = Safetensors.Open(Path.Combine(Saved, "adapter_model.safetensors")))
        {
            var tensors = file.Tensors.Keys.ToDictionary(key => key, file.Read);
            tensors["base_model.model.grouped.lora_A.weight"].fill_(1);
            Safetensors.Write(Path.Combine(Saved, "adapter_model.safetensors"), tensors);
        }
        using var refused = Convolutions(groups: 2);
        Assert.Equal("'grouped' is a convolution of 2 groups, and the adapter's lora_A.weight reads channels of other groups, which the layer's weight cannot hold. Train it anew without this layer.",
            Assert.Throws<LoraException>(() => refused.LoadLora(Saved)).Message);
    }

    [Fact]
    public void What_PEFT_would_compute_otherwise_is_written_so_that_PEFT_refuses_it()
    {
        void Obstructed(Module<Tensor, Tensor> model, LoraConfig config, string obstacle)
        {
            using var x = randn(2, 4, 6, 6);
            var lora = Filled(model.InjectLora(config));
            using var before = model.call(x);
            Assert.Equal([obstacle], lora.PeftObstacles());
            lora.Save(Saved);
            Assert.Equal("MEDPEFT_LORA", Fields()["peft_type"]!.GetValue<string>());
            lora.Remove();
            var loaded = model.LoadLora(Saved);
            using (var after = model.call(x)) Assert.True(Bits.Equal(before, after));
            loaded.Remove();
            var own = Path.Combine(Saved, "medpeft_config.json");
            File.Delete(own);
            Assert.Equal("'adapter_config.json': peft_type is 'MEDPEFT_LORA', a form of this library's, but medpeft_config.json is not beside it. Fetch all files of the adapter.",
                Assert.Throws<CheckpointException>(() => model.LoadLora(Saved)).Message);
            model.Dispose();
        }

        Obstructed(Convolutions(dilation: 2), new LoraConfig { Rank = 2, Targets = ["plain", "grouped"] }, "'grouped' is dilated, and PEFT leaves the dilation out of the update.");
        Obstructed(Convolutions(mode: PaddingModes.Reflect), new LoraConfig { Rank = 2, Targets = ["grouped"] }, "'grouped' pads by Reflect, and PEFT pads the update's input with zeros.");
        Obstructed(Convolutions(groups: 2), new LoraConfig { Rank = 2, Targets = ["grouped"], Dora = true }, "'grouped' has 2 groups, and PEFT has no DoRA for those.");
        Obstructed(Convolutions(), new LoraConfig { Rank = 2, Targets = ["grouped"], Trainable = ["norm"] },
            "PEFT trains each module in full whose name ends in one of [\"norm\"], and this model has others of such names.");
    }

    [Fact]
    public void Names_that_PEFT_would_read_otherwise_are_written_out()
    {
        using var model = PeftGoldenTests.Base();
        JsonObject Of(LoraConfig config)
        {
            var lora = model.InjectLora(config);
            lora.Save(Saved);
            lora.Remove();
            using var other = PeftGoldenTests.Base();
            Assert.Equal(lora.Layers, other.LoadLora(Saved).Layers);
            File.Delete(Path.Combine(Saved, "medpeft_config.json"));
            using var foreign = PeftGoldenTests.Base();
            Assert.Equal(lora.Layers, foreign.LoadLora(Saved).Layers);
            return Fields();
        }

        Assert.Equal("""["qkv"]""", Of(new LoraConfig())["target_modules"]!.ToJsonString());
        Assert.Equal("""["attn.proj","fc1","fc2","head","qkv"]""", Of(new LoraConfig { Rank = 2, AllLinear = true })["target_modules"]!.ToJsonString());
        Assert.Equal("""["1.attn.qkv","2.attn.qkv"]""", Of(new LoraConfig { Within = ["blocks.1..2"] })["target_modules"]!.ToJsonString());
        var excluded = Of(new LoraConfig { Targets = ["proj", "qkv"], Exclude = ["patch_embed.proj"] });
        Assert.Equal("""["proj","qkv"] ["patch_embed.proj"]""", $"{excluded["target_modules"]!.ToJsonString()} {excluded["exclude_modules"]!.ToJsonString()}");
        Assert.Equal("""["attn.proj"]""", Of(new LoraConfig { Targets = ["proj"], Exclude = ["patch_embed"] })["target_modules"]!.ToJsonString());
        // Where PEFT's first match in the order of names would be another than our longest, whole names are written.
        var pattern = Of(new LoraConfig { Targets = ["fc1"], RankPattern = new Dictionary<string, int> { ["blocks.1.mlp.fc1"] = 3, ["fc1"] = 2 } })["rank_pattern"]!.AsObject();
        Assert.Equal("""{"blocks.1.mlp.fc1":3,"fc1":2}""", pattern.ToJsonString());
        pattern = Of(new LoraConfig { Targets = ["fc1"], RankPattern = new Dictionary<string, int> { ["1.mlp.fc1"] = 2, ["blocks.1.mlp.fc1"] = 3 } })["rank_pattern"]!.AsObject();
        Assert.Equal("""{"blocks.1.mlp.fc1":3}""", pattern.ToJsonString());
    }

    [Fact]
    public void Embeddings_single_parameters_and_all_biases_come_back()
    {
        using var words = Words();
        using var x = tensor(new long[] { 1, 4, 2 });
        var lora = Filled(words.InjectLora(new LoraConfig { Rank = 2, Targets = ["table", "fc"], Bias = LoraBias.All, Trainable = ["norm.weight"] }));
        using var before = words.call(x);
        lora.Save(Saved);
        using (var file = Safetensors.Open(Path.Combine(Saved, "adapter_model.safetensors")))
            Assert.Equal(["fc.base_layer.bias", "fc.lora_A.weight", "fc.lora_B.weight", "norm.bias", "norm.weight", "table.lora_embedding_A", "table.lora_embedding_B"], file.Tensors.Keys.Select(key => key["base_model.model.".Length..]));
        var state = Base(words);
        using var other = Words();
        other.load_state_dict(state);
        other.LoadLora(Saved);
        using var after = other.call(x);
        Assert.True(Bits.Equal(before, after));
    }

    [Fact]
    public void Running_statistics_move_under_frozen_weights_and_are_saved()
    {
        using var model = Sequential(("conv", Conv2d(3, 4, 3)), ("norm", BatchNorm2d(4)));
        var before = model.state_dict().ToDictionary(entry => entry.Key, entry => entry.Value.clone());
        var lora = model.InjectLora(new LoraConfig { Rank = 2, Targets = ["conv"] });
        using var x = randn(2, 3, 8, 8) + 3;
        model.train();
        model.call(x).Dispose();
        lora.Save(Saved);
        model.eval();
        using var adapted = model.call(x);

        using var other = Sequential(("conv", Conv2d(3, 4, 3)), ("norm", BatchNorm2d(4)));
        other.load_state_dict(before);
        other.LoadLora(Saved);
        other.eval();
        using var after = other.call(x);
        Assert.True(Bits.Equal(adapted, after));
    }

    [Fact]
    public void A_named_adapter_lies_in_a_folder_of_its_name()
    {
        using var model = PeftGoldenTests.Base();
        Filled(model.InjectLora(new LoraConfig { Rank = 2 })).Save(Saved, "effusion");
        Assert.True(File.Exists(Path.Combine(Saved, "effusion", "adapter_config.json")));
        using var other = PeftGoldenTests.Base();
        Assert.Equal("'adapter': the folder has no adapter_config.json. Adapters in it by other names: 'effusion'; name the one wanted.", Assert.Throws<CheckpointException>(() => other.LoadLora(Saved)).Message);
        other.LoadLora(Saved, new LoadOptions { Name = "effusion" });
        Assert.Equal("'../x' is no name of an adapter: it becomes a folder's name, so leave out / \\ and :. (Parameter 'name')", Assert.Throws<ArgumentException>(() => other.LoadLora(Saved, new LoadOptions { Name = "../x" })).Message);
    }

    [Fact]
    public void Every_setting_of_a_configuration_comes_back()
    {
        using var model = PeftGoldenTests.Base();
        var config = new LoraConfig
        {
            Rank = 3, Alpha = 1.7, Dropout = .25, TargetPattern = @".*\.(qkv|fc1)", Exclude = ["blocks.0.mlp.fc1"], Within = ["blocks.0..1"], RankStabilized = true, Dora = true, Seed = ulong.MaxValue, Initialization = LoraInitialization.Orthogonal, FreezeA = true,
            Bias = LoraBias.Adapted, Trainable = ["head", "pos_embed"], RankPattern = new Dictionary<string, int> { ["fc1"] = 2 }, AlphaPattern = new Dictionary<string, double> { ["qkv"] = Math.PI },
        };
        model.InjectLora(config).Save(Saved);
        using var other = PeftGoldenTests.Base();
        Assert.Equal(config, other.LoadLora(Saved).Config);
    }

    private JsonObject Fields() => JsonNode.Parse(File.ReadAllText(Path.Combine(Saved, "adapter_config.json")))!.AsObject();

    private static LoraAdapter Filled(LoraAdapter lora)
    {
        using var none = no_grad();
        foreach (var (name, parameter) in lora.TrainableParameters())
            if (name.Contains("magnitude", StringComparison.Ordinal)) parameter.mul_(1.1);
            else parameter.add_(randn(parameter.shape) * .2);
        return lora;
    }

    /// <summary>The product of the file's factors by PEFT's own formula, and for DoRA its norms, is our change of the weight.</summary>
    private void SameUpdate(LoraAdapter lora, string path)
    {
        using var file = Safetensors.Open(Path.Combine(Saved, "adapter_model.safetensors"));
        var (fields, layer) = (Fields(), (LoraLayer)lora.Layer(path));
        var r = (fields["rank_pattern"]![path] ?? fields["r"])!.GetValue<double>();
        var alpha = (fields["alpha_pattern"]!.AsObject().FirstOrDefault(entry => path.EndsWith(entry.Key, StringComparison.Ordinal)).Value ?? fields["lora_alpha"])!.GetValue<double>();
        var product = file.Read($"base_model.model.{path}.lora_B.weight").mm(file.Read($"base_model.model.{path}.lora_A.weight")) * (fields["use_rslora"]!.GetValue<bool>() ? alpha / Math.Sqrt(r) : alpha / r);
        var weight = layer.Base.get_parameter("weight")!.detach();
        var changed = weight + product;
        if (fields.ContainsKey("use_dora")) changed = changed * (file.Read($"base_model.model.{path}.lora_magnitude_vector") / changed.square().sum(1).sqrt()).view(-1, 1);
        TensorAssert.Close(lora.Delta(path), changed - weight, 1e-5, path);
        Assert.Equal(r, file.Tensors[$"base_model.model.{path}.lora_A.weight"].Shape[0]);
    }

    private static Dictionary<string, Tensor> Base(Module<Tensor, Tensor> model) =>
        model.state_dict().Where(entry => !entry.Key.Contains("lora_", StringComparison.Ordinal)).ToDictionary(entry => entry.Key, entry => entry.Value);

    private static Module<Tensor, Tensor> Convolutions(long groups = 1, long dilation = 1, PaddingModes mode = PaddingModes.Zeros)
    {
        manual_seed(5);
        return Sequential(("grouped", Conv2d(4, 6, 3, stride: 2, padding: 1, dilation: dilation, groups: groups, padding_mode: mode)), ("plain", Conv2d(6, 4, 1)), ("fc_norm", GroupNorm(2, 4)), ("norm", GroupNorm(1, 4)));
    }

    private static Module<Tensor, Tensor> Words() => Sequential(("table", Embedding(6, 4)), ("fc", Linear(4, 4)), ("norm", LayerNorm([4])));
}

using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Tests.Injection;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MedPeft.Lora.Tests;

public sealed class LoraAdapterTests : IDisposable
{
    private static readonly LoraConfig QueryAndValue = new() { Rank = 2, Alpha = 8, Targets = ["qkv"], Blocks = [LoraBlock.Query, LoraBlock.Value], Trainable = ["head", "fc_norm"] };

    private readonly string _folder = Directory.CreateTempSubdirectory("medpeft").FullName;

    private string Saved => Path.Combine(_folder, "adapter");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void It_counts_what_is_trained()
    {
        using var model = SelectionTests.Transformer();
        var all = model.parameters().Sum(parameter => parameter.numel());
        var lora = model.InjectLora(QueryAndValue);
        var added = 2 * (2 * 2 * 8 + 2 * 8 * 2);
        var full = 8 * 3 + 3 + 2 * 8;
        Assert.Equal(new ParameterCount(added + full, all + added, 4 * (added + full), 4 * (all + added)), lora.Parameters);
        Assert.Equal("171 of 891 parameters trained (19.192 %)", lora.Parameters.ToString());
        Assert.Equal("2 layers adapted; 171 of 891 parameters trained (19.192 %)", lora.ToString());
        Assert.Equal("blocks.0.attn.qkv Linear r=2 α=8 [Query, Value] 64", lora.Layers[0].ToString());
        Assert.Equal("159,758 of 85,956,878 parameters trained (0.186 %)", new ParameterCount(159_758, 85_956_878, 0, 0).ToString());
    }

    [Fact]
    public void Delta_is_the_change_of_the_weight()
    {
        using var model = SelectionTests.Transformer();
        var lora = model.InjectLora(QueryAndValue);
        Fill(lora);
        var layer = lora.Layer("blocks.1.attn.qkv");
        using var before = layer.Base.get_parameter("weight")!.clone();
        using var delta = lora.Delta("blocks.1.attn.qkv");
        lora.Merge();
        Assert.True(allclose(layer.Base.get_parameter("weight")! - before, delta, rtol: 1e-4, atol: 1e-6));
        Assert.Equal("There is no adapted layer 'blocks.2.attn.qkv'. Adapted layers: blocks.0.attn.qkv, … (2).", Assert.Throws<LoraException>(() => lora.Delta("blocks.2.attn.qkv")).Message);
    }

    [Fact]
    public void Merging_keeps_the_outputs_and_unmerging_restores_every_bit()
    {
        using var model = SelectionTests.Transformer();
        using var x = randn(2, 5, 8);
        var lora = model.InjectLora(QueryAndValue);
        Fill(lora);
        using var before = model.call(x);
        var bits = model.parameters().Select(parameter => parameter.detach().clone()).ToList();

        lora.Merge();
        Assert.True(lora.Merged);
        using var merged = model.call(x);
        Assert.True(allclose(before, merged, rtol: 1e-4, atol: 1e-5));
        Assert.Equal("The adapter is merged; call Unmerge() before merging.", Assert.Throws<LoraException>(lora.Merge).Message);
        Assert.Equal("The adapter is merged; call Unmerge() before disabling.", Assert.Throws<LoraException>(lora.Disable).Message);
        Assert.Equal("The adapter is merged; call Unmerge() before loading.", Assert.Throws<LoraException>(() => lora.Load(Saved)).Message);

        lora.Unmerge();
        using var after = model.call(x);
        Assert.True(Bits.Equal(before, after));
        Assert.All(model.parameters().Zip(bits), pair => Assert.True(Bits.Equal(pair.First, pair.Second)));
        Assert.Equal("The adapter is not merged; there is nothing to undo.", Assert.Throws<LoraException>(lora.Unmerge).Message);
    }

    [Fact]
    public void Evaluation_never_merges()
    {
        using var model = SelectionTests.Transformer();
        var lora = model.InjectLora(QueryAndValue);
        Fill(lora);
        using var weight = model.get_parameter("blocks.0.attn.qkv.weight")!.clone();
        model.eval();
        using var x = randn(2, 5, 8);
        model.call(x).Dispose();
        model.train();
        Assert.True(Bits.Equal(weight, model.get_parameter("blocks.0.attn.qkv.weight")!) && !lora.Merged);
    }

    [Fact]
    public void Merging_and_removing_leaves_the_plain_model_adapted()
    {
        using var model = SelectionTests.Transformer();
        using var x = randn(2, 5, 8);
        var keys = model.state_dict().Keys.ToList();
        var lora = model.InjectLora(QueryAndValue);
        Fill(lora);
        using var adapted = model.call(x);
        lora.MergeAndRemove();
        using var plain = model.call(x);
        Assert.True(allclose(adapted, plain, rtol: 1e-4, atol: 1e-5));
        Assert.Equal(keys, model.state_dict().Keys);
        Assert.All(model.parameters(), parameter => Assert.True(parameter.requires_grad));
        Assert.Equal("The adapter has been removed from its model; inject anew.", Assert.Throws<LoraException>(lora.Remove).Message);
        Assert.Equal("removed", lora.ToString());
        model.InjectLora(QueryAndValue).Remove();
    }

    [Fact]
    public void Removing_a_merged_adapter_restores_the_weights()
    {
        using var model = SelectionTests.Transformer();
        using var x = randn(2, 5, 8);
        using var before = model.call(x);
        var lora = model.InjectLora(QueryAndValue with { Trainable = [] });
        Fill(lora);
        lora.Merge();
        lora.Remove();
        using var after = model.call(x);
        Assert.True(Bits.Equal(before, after));
    }

    [Fact]
    public void A_weight_that_another_layer_shares_is_not_merged()
    {
        var first = Linear(4, 4);
        var second = Linear(first.weight);
        using var model = Sequential(("first", first), ("second", second));
        var lora = model.InjectLora(new LoraConfig { Rank = 2, Targets = ["first"] });
        Assert.Equal("'first' shares a parameter with 'second.weight', which merging would change as well. Give one of them a copy, or use the adapter unmerged.",
            Assert.Throws<LoraException>(lora.Merge).Message);
        Assert.False(lora.Merged);
    }

    [Fact]
    public void Disabling_is_a_scope_and_may_be_nested()
    {
        using var model = SelectionTests.Transformer();
        using var x = randn(2, 5, 8);
        using var before = model.call(x);
        var lora = model.InjectLora(QueryAndValue with { Trainable = [] });
        Fill(lora);
        using var adapted = model.call(x);
        using (lora.Disable())
        {
            using (lora.Disable()) { }
            using var plain = model.call(x);
            Assert.True(Bits.Equal(before, plain));
        }
        using var again = model.call(x);
        Assert.True(Bits.Equal(adapted, again));
    }

    [Fact]
    public void Two_adapters_live_beside_each_other_and_the_last_one_restores_the_gradients()
    {
        using var model = SelectionTests.Transformer();
        model.get_parameter("head.bias")!.requires_grad = false;
        using var x = randn(2, 5, 8);
        using var before = model.call(x);
        var one = model.InjectLora(QueryAndValue with { Trainable = ["fc_norm"] });
        var two = model.InjectLora(new LoraConfig { Rank = 3, Targets = ["fc1", "proj"] });
        Assert.Equal((2, 4, 14), (one.Layers.Count, two.Layers.Count, two.TrainableParameters().Count));
        one.Remove();
        Assert.Equal(8, two.TrainableParameters().Count);
        two.Remove();
        Assert.Equal(["head.bias"], model.named_parameters().Where(entry => !entry.parameter.requires_grad).Select(entry => entry.name));
        using var after = model.call(x);
        Assert.True(Bits.Equal(before, after));
    }

    [Fact]
    public void A_saved_adapter_comes_back_bit_for_bit()
    {
        using var model = Trained(out var lora);
        using var x = randn(2, 5, 8);
        using var before = model.call(x);
        lora.Save(Saved);

        var other = Plain(model);
        var loaded = other.InjectLora(QueryAndValue);
        loaded.Load(Saved);
        using var after = other.call(x);
        Assert.True(Bits.Equal(before, after));
        using var file = Safetensors.Open(Path.Combine(Saved, "adapter_model.safetensors"));
        Assert.Equal(
            new[]
            {
                "blocks.0.attn.qkv.lora_A.weight", "blocks.0.attn.qkv.lora_B.weight", "blocks.1.attn.qkv.lora_A.weight", "blocks.1.attn.qkv.lora_B.weight",
                "fc_norm.bias", "fc_norm.weight", "head.bias", "head.weight",
            }.Select(name => "base_model.model." + name), file.Tensors.Keys);
        Assert.Equal("pt", file.Metadata["format"]);
    }

    [Fact]
    public void A_file_says_how_to_inject_it()
    {
        using var model = SelectionTests.Transformer();
        using var x = randn(2, 5, 8);
        var lora = model.InjectLora(new LoraConfig
        {
            Rank = 2, Alpha = 8, Targets = ["qkv", "fc1", "proj"], RankPattern = new Dictionary<string, int> { ["fc1"] = 3 }, AlphaPattern = new Dictionary<string, double> { ["0.mlp.fc1"] = 1 },
            RankStabilized = true, Dora = true, Dropout = .1, Bias = LoraBias.Adapted, Trainable = ["head", "fc_norm"],
        });
        Train(model, lora, 2);
        lora.Save(Saved);
        model.eval();
        using var before = model.call(x);

        using var other = Plain(model);
        var loaded = other.LoadLora(Saved);
        other.eval();
        using var after = other.call(x);
        Assert.True(Bits.Equal(before, after));
        Assert.Equal(lora.Layers, loaded.Layers);
        Assert.Equal(lora.Config, loaded.Config);
        Assert.Equal(lora.TrainableParameters().Select(entry => entry.Name), loaded.TrainableParameters().Select(entry => entry.Name));
        loaded.Save(Saved + "2");
        foreach (var file in Directory.EnumerateFiles(Saved)) Assert.Equal(File.ReadAllBytes(file), File.ReadAllBytes(Path.Combine(Saved + "2", Path.GetFileName(file))));
    }

    [Fact]
    public void A_file_that_does_not_fit_leaves_the_plain_model()
    {
        using var model = Trained(out var lora);
        lora.Save(Saved);
        using var small = Sequential(("fc_norm", LayerNorm([8])), ("head", Linear(8, 3)));
        Assert.StartsWith("No module matches Targets [\"qkv\"]. ", Assert.Throws<LoraException>(() => small.LoadLora(Saved)).Message, StringComparison.Ordinal);
        Assert.Equal(["fc_norm.weight", "fc_norm.bias", "head.weight", "head.bias"], small.state_dict().Keys);
        Assert.All(small.parameters(), parameter => Assert.True(parameter.requires_grad));
    }

    [Fact]
    public void A_plan_counts_what_injecting_will_do_and_changes_nothing()
    {
        using var model = SelectionTests.Transformer();
        foreach (var config in new[] { QueryAndValue, QueryAndValue with { Blocks = null, Dora = true, Bias = LoraBias.All }, new LoraConfig { Rank = 1, AllLinear = true } })
        {
            var keys = model.state_dict().Keys.ToList();
            var plan = model.PlanLora(config);
            Assert.Equal(keys, model.state_dict().Keys);
            Assert.All(model.parameters(), parameter => Assert.True(parameter.requires_grad));
            var lora = model.InjectLora(config);
            Assert.Equal((lora.Parameters, 3 * lora.Parameters.TrainedBytes), (plan.Parameters, plan.TrainingBytes));
            Assert.Equal(lora.Layers, plan.Layers);
            lora.Remove();
        }
        Assert.Equal("""
            layer              kind                   rank  alpha  parameters
            blocks.0.attn.qkv  Linear [Query, Value]     2      8          64
            blocks.1.attn.qkv  Linear [Query, Value]     2      8          64
            in full: head, fc_norm
            171 of 891 parameters trained (19.192 %)
            gradients and AdamW state: 2.0 KiB (full fine-tuning: 8.9 KiB)

            """, model.PlanLora(QueryAndValue).ToString());
    }

    [Fact]
    public void A_report_measures_the_updates_merged_or_not()
    {
        using var model = SelectionTests.Transformer();
        var lora = model.InjectLora(QueryAndValue with { Dora = true });
        Assert.All(lora.Describe().Layers, layer => Assert.Equal(0, layer.DeltaNorm, 1e-6));
        Fill(lora);
        var report = lora.Describe();
        using var delta = lora.Delta("blocks.1.attn.qkv");
        using var norm = linalg.vector_norm(delta);
        Assert.Equal(norm.item<float>(), report.Layers[1].DeltaNorm, 1e-5);
        Assert.StartsWith("layer              kind                        rank  alpha  parameters", report.ToString(), StringComparison.Ordinal);
        lora.Merge();
        Assert.Equal(report.ToString(), lora.Describe().ToString());
    }

    [Fact]
    public void A_merged_adapter_saves_its_factors()
    {
        using var model = Trained(out var lora);
        lora.Save(Saved);
        var unmerged = Directory.EnumerateFiles(Saved).Order().Select(File.ReadAllBytes).ToList();
        lora.Merge();
        using var merged = model.get_parameter("blocks.0.attn.qkv.weight")!.clone();
        lora.Save(Saved);
        Assert.Equal(unmerged, Directory.EnumerateFiles(Saved).Order().Select(File.ReadAllBytes));
        Assert.True(lora.Merged && Bits.Equal(merged, model.get_parameter("blocks.0.attn.qkv.weight")!));
    }

    [Fact]
    public void A_file_that_does_not_fit_is_refused_and_changes_nothing()
    {
        using var model = Trained(out var lora);
        lora.Save(Saved);
        void Refuses(LoraConfig config, string faults)
        {
            using var other = SelectionTests.Transformer();
            var loaded = other.InjectLora(config);
            var before = other.parameters().Select(parameter => parameter.detach().clone()).ToList();
            Assert.Equal($"adapter does not fit this model's adapter: {faults}. Inject with the configuration it was saved with.", Assert.Throws<LoraException>(() => loaded.Load(Saved)).Message);
            Assert.All(other.parameters().Zip(before), pair => Assert.True(Bits.Equal(pair.First, pair.Second)));
        }

        Refuses(QueryAndValue with { Trainable = ["head"] }, "the model has no place for base_model.model.fc_norm.bias, base_model.model.fc_norm.weight");
        Refuses(QueryAndValue with { Trainable = ["head", "fc_norm", "mlp.fc1.bias"] }, "it lacks base_model.model.blocks.0.mlp.fc1.bias, base_model.model.blocks.1.mlp.fc1.bias");
        Refuses(QueryAndValue with { Alpha = 4 },
            "blocks.0.attn.qkv has alpha 8 there and 4 here; blocks.0.attn.qkv has scale 4 there and 2 here; blocks.1.attn.qkv has alpha 8 there and 4 here; blocks.1.attn.qkv has scale 4 there and 2 here");
        Refuses(QueryAndValue with { Blocks = [LoraBlock.Key, LoraBlock.Value] },
            "blocks.0.attn.qkv has blocks [Query, Value] there and [Key, Value] here; blocks.1.attn.qkv has blocks [Query, Value] there and [Key, Value] here");
        Refuses(QueryAndValue with { Targets = ["blocks.0.attn.qkv"], Rank = 1, Alpha = 4 },
            "blocks.0.attn.qkv has rank 2 there and 1 here; blocks.0.attn.qkv has alpha 8 there and 4 here; "
            + "the model has no place for base_model.model.blocks.1.attn.qkv.lora_A.weight, base_model.model.blocks.1.attn.qkv.lora_B.weight; "
            + "base_model.model.blocks.0.attn.qkv.lora_A.weight is [4, 8] there and [2, 8] here; base_model.model.blocks.0.attn.qkv.lora_B.weight is [24, 4] there and [24, 2] here");
    }

    [Fact]
    public void What_is_no_adapter_is_refused()
    {
        using var model = Trained(out var lora);
        Assert.Equal("'adapter': there is no such folder. An adapter is a folder with adapter_config.json and adapter_model.safetensors.", Assert.Throws<CheckpointException>(() => lora.Load(Saved)).Message);
        Directory.CreateDirectory(Saved);
        Assert.Equal("'adapter': the folder has no adapter_config.json. Name the folder that PEFT's save_pretrained or Save has written.", Assert.Throws<CheckpointException>(() => lora.Load(Saved)).Message);
        lora.Save(Saved);
        File.WriteAllText(Path.Combine(Saved, "medpeft_config.json"), "{");
        Assert.Equal("'medpeft_config.json': this is no valid JSON. The file is damaged: fetch it again.", Assert.Throws<CheckpointException>(() => lora.Load(Saved)).Message);
    }

    [Fact]
    public void Training_leaves_every_frozen_bit_alone()
    {
        using var model = SelectionTests.Transformer();
        var lora = model.InjectLora(QueryAndValue);
        var frozen = model.named_parameters().Where(entry => !entry.parameter.requires_grad).Select(entry => (entry.name, bits: entry.parameter.clone())).ToList();
        var first = Train(model, lora, 1);
        Assert.True(Train(model, lora, 10) < first);
        Assert.Equal(12, frozen.Count);
        Assert.All(frozen, entry => Assert.True(Bits.Equal(entry.bits, model.get_parameter(entry.name)!)));
    }

    private static double Train(Module<Tensor, Tensor> model, LoraAdapter lora, int steps)
    {
        using var generator = new Generator(3);
        using var x = randn([4, 5, 8], generator: generator);
        using var sgd = optim.SGD(lora.TrainableParameters().Select(entry => entry.Parameter).ToList(), .1);
        var last = 0.0;
        for (var i = 0; i < steps; i++)
        {
            using var scope = NewDisposeScope();
            sgd.zero_grad();
            var loss = (model.call(x) - 1).square().mean();
            loss.backward();
            sgd.step();
            last = loss.item<float>();
        }
        return last;
    }

    private static Module<Tensor, Tensor> Trained(out LoraAdapter lora)
    {
        var model = SelectionTests.Transformer();
        lora = model.InjectLora(QueryAndValue);
        Train(model, lora, 2);
        return model;
    }

    /// <summary>A model with the same frozen weights and other adapters.</summary>
    private static Module<Tensor, Tensor> Plain(Module<Tensor, Tensor> model)
    {
        var other = SelectionTests.Transformer();
        using var none = no_grad();
        foreach (var (name, parameter) in other.named_parameters())
            if (!name.StartsWith("head", StringComparison.Ordinal) && !name.StartsWith("fc_norm", StringComparison.Ordinal))
                parameter.copy_(model.get_parameter(name)!);
        return other;
    }

    private static void Fill(LoraAdapter lora)
    {
        using var none = no_grad();
        foreach (var layer in lora.Layers) lora.Layer<LoraLayer>(layer.Path).B.normal_(0, .3);
    }
}

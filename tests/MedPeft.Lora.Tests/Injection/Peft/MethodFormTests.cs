using System.Text.Json.Nodes;
using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Vision;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Injection.Peft;

/// <summary>The methods beside LoRA that PEFT has, in its files: its names, shapes and fields, and back without a file of ours.</summary>
public sealed class MethodFormTests : IDisposable
{
    private static readonly ViTConfig Small = new() { ImageSize = 8, PatchSize = 4, EmbedDim = 8, Depth = 1, Heads = 2, Outputs = 3 };

    private readonly string _folder = Directory.CreateTempSubdirectory("medpeft").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    public static TheoryData<AdapterConfig, string, string[]> Methods => new()
    {
        {
            new Ia3Config { Trainable = ["head"] },
            """{"peft_type":"IA3","target_modules":["fc2","qkv"],"feedforward_modules":["fc2"],"modules_to_save":["head"],"init_ia3_weights":true,"fan_in_fan_out":false}""",
            ["blocks.0.attn.qkv.ia3_l [24, 1]", "blocks.0.mlp.fc2.ia3_l [1, 32]", "head.bias [3]", "head.weight [3, 8]"]
        },
        {
            new Ia3Config { Targets = ["patch_embed.proj", "attn.proj"], Feedforward = ["patch_embed.proj"], Blocks = null },
            """{"peft_type":"IA3","target_modules":["attn.proj","patch_embed.proj"],"feedforward_modules":["patch_embed.proj"],"modules_to_save":null}""",
            ["blocks.0.attn.proj.ia3_l [8, 1]", "patch_embed.proj.ia3_l [1, 3, 1, 1]"]
        },
        {
            new VeraConfig { Rank = 4, Targets = ["attn.proj", "fc1"], Seed = 9, Trainable = ["head"], Dropout = .1 },
            """{"peft_type":"VERA","target_modules":["attn.proj","fc1"],"r":4,"projection_prng_key":9,"save_projection":true,"vera_dropout":0.1,"d_initial":0.1,"bias":"none"}""",
            ["blocks.0.attn.proj.vera_lambda_b [8]", "blocks.0.attn.proj.vera_lambda_d [4]", "blocks.0.mlp.fc1.vera_lambda_b [32]", "blocks.0.mlp.fc1.vera_lambda_d [4]", "head.bias [3]", "head.weight [3, 8]", "vera_A [4, 8]", "vera_B [32, 4]"]
        },
        {
            new AdaLoraConfig { InitialRank = 4, TargetRank = 2, WarmupSteps = 3, FinalSteps = 2, Interval = 5, Alpha = 16 },
            """{"peft_type":"ADALORA","target_modules":["qkv"],"init_r":4,"target_r":2,"tinit":3,"tfinal":2,"deltaT":5,"beta1":0.85,"beta2":0.85,"orth_reg_weight":0.5,"lora_alpha":16,"total_step":6,"rank_pattern":null}""",
            ["blocks.0.attn.qkv.lora_A [4, 8]", "blocks.0.attn.qkv.lora_B [24, 4]", "blocks.0.attn.qkv.lora_E [4, 1]"]
        },
        {
            new NormTuningConfig { Trainable = ["head"] },
            """{"peft_type":"LN_TUNING","modules_to_save":["head"],"target_modules":"blocks\\.0\\.norm1|blocks\\.0\\.norm2|fc_norm"}""",
            ["blocks.0.norm1.ln_tuning_layers.bias [8]", "blocks.0.norm1.ln_tuning_layers.weight [8]", "blocks.0.norm2.ln_tuning_layers.bias [8]", "blocks.0.norm2.ln_tuning_layers.weight [8]", "fc_norm.ln_tuning_layers.bias [8]", "fc_norm.ln_tuning_layers.weight [8]", "head.bias [3]", "head.weight [3, 8]"]
        },
        {
            new NormTuningConfig { Exclude = ["fc_norm"] },
            """{"peft_type":"LN_TUNING","modules_to_save":null,"target_modules":"blocks\\.0\\.norm1|blocks\\.0\\.norm2"}""",
            ["blocks.0.norm1.ln_tuning_layers.bias [8]", "blocks.0.norm1.ln_tuning_layers.weight [8]", "blocks.0.norm2.ln_tuning_layers.bias [8]", "blocks.0.norm2.ln_tuning_layers.weight [8]"]
        },
    };

    [Theory, MemberData(nameof(Methods))]
    public void A_folder_has_PEFTs_names_shapes_and_fields_and_is_read_without_our_own_file(AdapterConfig config, string fields, string[] tensors)
    {
        using var x = randn(2, 3, 8, 8);
        using var trained = Model();
        var adapter = trained.InjectAdapter(config);
        Fill(adapter);
        using var expected = trained.call(x);
        adapter.Save(_folder);
        Assert.Empty(adapter.PeftObstacles());

        var written = JsonNode.Parse(File.ReadAllText(Path.Combine(_folder, "adapter_config.json")))!.AsObject();
        foreach (var (name, value) in JsonNode.Parse(fields)!.AsObject()) Assert.True(JsonNode.DeepEquals(value, written[name]), $"{name}: {written[name]?.ToJsonString()}");
        using (var file = Safetensors.Open(Path.Combine(_folder, "adapter_model.safetensors")))
            Assert.Equal(tensors, file.Tensors.Select(entry => $"{entry.Key.Replace("base_model.model.", "", StringComparison.Ordinal).Replace("base_model.", "", StringComparison.Ordinal)} [{string.Join(", ", entry.Value.Shape)}]").Order(StringComparer.Ordinal));

        File.Delete(Path.Combine(_folder, "medpeft_config.json"));
        using var fresh = Model();
        var loaded = fresh.LoadAdapter(_folder);
        using var y = fresh.call(x);
        Assert.True(Bits.Equal(expected, y));
        Assert.Equal(adapter.Parameters, loaded.Parameters);
        Assert.Equal(adapter.Layers.Select(layer => layer.ToString()), loaded.Layers.Select(layer => layer.ToString()));
    }

    [Fact]
    public void The_projections_of_the_file_count_whatever_the_seed_would_draw()
    {
        using var model = Model();
        var adapter = model.InjectAdapter(new VeraConfig { Rank = 4, Seed = 1 });
        Fill(adapter);
        using var x = randn(2, 3, 8, 8);
        using (var before = model.call(x)) adapter.Save(_folder);
        var weights = Path.Combine(_folder, "adapter_model.safetensors");
        var tensors = Read(weights);
        tensors["base_model.vera_A"].mul_(2);
        Safetensors.Write(weights, tensors, new Dictionary<string, string> { ["format"] = "pt" });
        using var delta = adapter.Delta("blocks.0.attn.qkv");
        using var fresh = Model();
        using var doubled = fresh.LoadAdapter(_folder).Delta("blocks.0.attn.qkv");
        Assert.True(allclose(delta * 2, doubled));
    }

    [Fact]
    public void Directions_that_PEFT_has_cut_and_left_out_come_back_as_zeros()
    {
        using var model = Model();
        var config = new AdaLoraConfig { InitialRank = 3, TargetRank = 2 };
        var adapter = model.InjectAdapter(config);
        Fill(adapter);
        var layer = adapter.Layer<AdaLoraLinear>("blocks.0.attn.qkv");
        layer.Keep([true, false, true]);
        using var expected = adapter.Delta("blocks.0.attn.qkv");
        adapter.Save(_folder);
        File.Delete(Path.Combine(_folder, "medpeft_config.json"));
        var weights = Path.Combine(_folder, "adapter_model.safetensors");
        var tensors = Read(weights);
        using var kept = tensor(new long[] { 0, 2 });
        foreach (var (name, dimension) in new[] { ("lora_A", 0), ("lora_B", 1), ("lora_E", 0) })
            tensors[$"base_model.model.blocks.0.attn.qkv.{name}"] = tensors[$"base_model.model.blocks.0.attn.qkv.{name}"].index_select(dimension, kept);
        Safetensors.Write(weights, tensors, new Dictionary<string, string> { ["format"] = "pt" });
        var path = Path.Combine(_folder, "adapter_config.json");
        var fields = JsonNode.Parse(File.ReadAllText(path))!;
        fields["rank_pattern"] = new JsonObject { ["blocks.0.attn.qkv.lora_E"] = new JsonArray(true, false, true) };
        File.WriteAllText(path, fields.ToJsonString());

        using var fresh = Model();
        var loaded = fresh.LoadAdapter(_folder);
        Assert.True(Bits.Equal(expected, loaded.Delta("blocks.0.attn.qkv")));

        fields["rank_pattern"] = new JsonObject { ["blocks.0.attn.qkv.lora_E"] = new JsonArray(true, true) };
        File.WriteAllText(path, fields.ToJsonString());
        using var other = Model();
        Assert.EndsWith("rank_pattern has for blocks.0.attn.qkv no list of 3 times true or false, one for each direction.", Assert.Throws<CheckpointException>(() => other.LoadAdapter(_folder)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Queries_that_a_folder_rescales_are_not_dropped()
    {
        using var model = Model();
        var whole = model.InjectAdapter(new Ia3Config { Targets = ["qkv"], Blocks = null, Feedforward = [] });
        Fill(whole);
        whole.Save(_folder);
        File.Delete(Path.Combine(_folder, "medpeft_config.json"));
        using var other = Model();
        var adapter = other.InjectAdapter(new Ia3Config { Targets = ["qkv"], Feedforward = [] });
        Assert.Equal("The folder rescales [Query] of 'blocks.0.attn.qkv' as well, and this adapter has Blocks [Key, Value]. Inject with Blocks = null, or with those too.",
            Assert.Throws<LoraException>(() => adapter.Load(_folder)).Message);
        using var third = Model();
        Assert.Null(Assert.IsType<Ia3Config>(third.LoadAdapter(_folder).Config).Blocks);
    }

    [Fact]
    public void Methods_that_PEFT_has_not_carry_a_type_that_it_refuses()
    {
        using var model = Model();
        var adapter = model.InjectAdapter(new SsfConfig());
        adapter.Save(_folder);
        Assert.Equal("PEFT knows no method like SsfConfig.", Assert.Single(adapter.PeftObstacles()));
        Assert.Equal("MEDPEFT", (string?)JsonNode.Parse(File.ReadAllText(Path.Combine(_folder, "adapter_config.json")))!["peft_type"]);
    }

    private static Dictionary<string, Tensor> Read(string path)
    {
        using var file = Safetensors.Open(path);
        return file.Tensors.Keys.ToDictionary(name => name, name => file.Read(name).clone());
    }

    private static void Fill(LoraAdapter adapter)
    {
        using var none = no_grad();
        using var generator = new Generator(8);
        foreach (var (_, parameter) in adapter.TrainableParameters())
            using (var noise = empty(parameter.shape).normal_(0, .1, generator)) parameter.add_(noise);
    }

    private static VisionTransformer Model()
    {
        var vit = new VisionTransformer(Small, seed: 1);
        vit.eval();
        return vit;
    }
}

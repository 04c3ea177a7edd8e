using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Vision;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests;

/// <summary>The adapters against tensors that the reference code of Lian et al. computed: a small ViT with LoRA on q and v.</summary>
public class LoraGoldenTests
{
    private static readonly LoraConfig Reference = new()
    {
        Rank = 4, Alpha = 32, Targets = ["attn.qkv"], Blocks = [LoraBlock.Query, LoraBlock.Value], Trainable = ["head", "fc_norm"],
    };

    [Fact]
    public void Logits_gradients_and_merged_weights_equal_the_references()
    {
        using var model = VisionTransformer.FromCheckpoint(Golden.Path("medpeft_vit_qv/pretrained.pth"),
            new ViTConfig { ImageSize = 32, PatchSize = 8, EmbedDim = 48, Depth = 3, Heads = 3, Outputs = 14 });
        var lora = model.InjectLora(Reference);
        Assert.Equal(new ParameterCount(3086, 98030, 4 * 3086, 4 * 98030), lora.Parameters);
        using (var trained = Safetensors.Open(Golden.Path("medpeft_vit_qv/trainable.safetensors")))
        using (no_grad())
            foreach (var (name, parameter) in lora.TrainableParameters())
                parameter.copy_(trained.Read(name.Replace("lora_A.weight", "lora_A", StringComparison.Ordinal).Replace("lora_B.weight", "lora_B", StringComparison.Ordinal)));
        using var expected = Safetensors.Open(Golden.Path("medpeft_vit_qv/expected.safetensors"));

        using var logits = model.call(expected.Read("x"));
        Close(expected.Read("logits_train"), logits);
        using var loss = nn.functional.binary_cross_entropy_with_logits(logits, expected.Read("y"));
        Assert.Equal(expected.Read("loss").item<float>(), loss.item<float>(), 1e-6);
        loss.backward();
        foreach (var (name, parameter) in lora.TrainableParameters())
            Close(expected.Read("grad." + name.Replace(".weight", name.Contains("lora_", StringComparison.Ordinal) ? "" : ".weight", StringComparison.Ordinal)), parameter.grad!);

        model.eval();
        lora.Merge();
        Close(expected.Read("qkv0_merged_weight"), model.get_parameter("blocks.0.attn.qkv.weight")!);
        using var merged = model.call(expected.Read("x"));
        Close(expected.Read("logits_eval_merged"), merged);
    }

    [Fact]
    public void The_papers_ranks_train_the_papers_parameters()
    {
        using var model = new VisionTransformer(ViTConfig.Base16 with { Outputs = 14 });
        foreach (var (rank, trained) in new[] { (4, 159_758), (8, 307_214), (16, 602_126), (32, 1_191_950) })
        {
            var lora = model.InjectLora(Reference with { Rank = rank });
            Assert.Equal((12, trained, 85_809_422 + trained - 12_302), (lora.Layers.Count, lora.Parameters.Trained, lora.Parameters.Total));
            lora.Remove();
        }
    }

    public static TheoryData<string, LoraConfig, int> PeftCases => new()
    {
        { "lora_qkv_head", new() { Rank = 4, Alpha = Alpha("lora_qkv_head"), Trainable = ["head", "fc_norm"] }, 3086 },
        { "lora_patterns", new()
            {
                Rank = 4, Alpha = 8, Targets = ["proj", "fc1", "fc2", "qkv"], Exclude = ["patch_embed"], Trainable = ["head"],
                RankPattern = new Dictionary<string, int> { ["blocks.0.attn.qkv"] = 6, ["fc1"] = 2 }, AlphaPattern = new Dictionary<string, double> { ["fc2"] = 32 },
            }, 8846 },
        { "rslora_regex", new() { Rank = 8, Alpha = 4, TargetPattern = @".*blocks\.[02]\..*\.(qkv|fc2)", RankStabilized = true }, 6912 },
        { "dora", new() { Rank = 4, Alpha = 8, Targets = ["fc1", "qkv"], Trainable = ["head"], Dora = true }, 6878 },
        { "conv_patch_embed", new() { Rank = 3, Alpha = 6, Targets = ["patch_embed.proj", "qkv"], Trainable = ["head"] }, 3134 },
        { "bias_lora_only", new() { Rank = 2, Alpha = 2, Bias = LoraBias.Adapted }, 1584 },
        { "all_linear", new() { Rank = 2, Alpha = 4, AllLinear = true, Exclude = ["head"] }, 4608 },
    };

    [Theory, MemberData(nameof(PeftCases))]
    public void The_logits_of_an_adapter_that_PEFT_has_made_are_PEFTs(string name, LoraConfig config, int trained)
    {
        using var model = VisionTransformer.FromCheckpoint(Golden.Path("peft/base.safetensors"),
            new ViTConfig { ImageSize = 32, PatchSize = 8, EmbedDim = 48, Depth = 3, Heads = 3, Outputs = 14 });
        model.eval();
        using var expected = Safetensors.Open(Golden.Path("peft/expected.safetensors"));
        using var x = expected.Read("x");
        using (var plain = model.call(x)) Close(expected.Read("base_logits"), plain);
        var lora = model.InjectLora(config);
        Assert.Equal(trained, lora.Parameters.Trained);

        using var file = Safetensors.Open(Golden.Path($"peft/{name}/adapter_model.safetensors"));
        var names = file.Tensors.Keys.ToDictionary(key => key.Replace("base_model.model.", "", StringComparison.Ordinal).Replace(".base_layer", "", StringComparison.Ordinal));
        Assert.Equal(names.Keys.Order(), lora.TrainableParameters().Select(entry => entry.Name).Order());
        using (no_grad())
            foreach (var (own, parameter) in lora.TrainableParameters())
            {
                using var value = file.Read(names[own]);
                Assert.Equal(value.shape, parameter.shape);
                parameter.copy_(value);
            }

        using var logits = model.call(x);
        Close(expected.Read("logits." + name), logits);
        lora.Merge();
        using var merged = model.call(x);
        Close(expected.Read("logits." + name), merged);
    }

    private static double Alpha(string name)
    {
        using var config = System.Text.Json.JsonDocument.Parse(File.ReadAllBytes(Golden.Path($"peft/{name}/adapter_config.json")));
        return config.RootElement.GetProperty("lora_alpha").GetDouble();
    }

    private static void Close(Tensor expected, Tensor actual)
    {
        Assert.Equal(expected.shape, actual.shape);
        var error = (expected - actual).abs().max().item<float>() / expected.abs().max().item<float>();
        Assert.True(error <= 1e-5, $"relative error {error}");
    }
}

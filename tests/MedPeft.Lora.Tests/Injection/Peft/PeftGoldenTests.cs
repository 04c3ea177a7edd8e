using System.Text.Json.Nodes;
using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Tests.Checkpoints;
using MedPeft.Lora.Vision;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Injection.Peft;

/// <summary>Folders that Hugging Face PEFT 0.20 has written, with the logits it computes: loaded, and written again.</summary>
public sealed class PeftGoldenTests : IDisposable
{
    internal static readonly ViTConfig Shape = new() { ImageSize = 32, PatchSize = 8, EmbedDim = 48, Depth = 3, Heads = 3, Outputs = 14 };

    private readonly TempFolder _folder = new();

    public static TheoryData<string> Cases => [.. Directory.EnumerateDirectories(Golden.Path("peft")).Select(folder => Path.GetFileName(folder)!).Order()];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Every_kind_of_adapter_is_there() => Assert.Equal(7, Cases.Count);

    [Theory, MemberData(nameof(Cases))]
    public void Its_logits_are_PEFTs_and_what_is_saved_again_is_PEFTs_byte_for_byte(string name)
    {
        var golden = Golden.Path($"peft/{name}");
        using var model = Base();
        var lora = model.LoadLora(golden);
        model.eval();
        Assert.Equal(JsonNode.Parse(File.ReadAllText(Golden.Path("peft/info.json")))!["cases"]![name]!["trainable_parameters"]!.GetValue<long>(), lora.Parameters.Trained);
        using var logits = Logits(model);
        using (var expected = Safetensors.Open(Golden.Path("peft/expected.safetensors"))) TensorAssert.Close(expected.Read($"logits.{name}"), logits, 1e-5, name);

        lora.Save(_folder.File("again"));
        Assert.Equal(File.ReadAllBytes(Path.Combine(golden, "adapter_model.safetensors")), File.ReadAllBytes(Path.Combine(_folder.File("again"), "adapter_model.safetensors")));
        Assert.Empty(lora.PeftObstacles());
        SameFields(Path.Combine(golden, "adapter_config.json"), Path.Combine(_folder.File("again"), "adapter_config.json"));

        using var other = Base();
        other.LoadLora(_folder.File("again"));
        other.eval();
        using var after = Logits(other);
        Assert.True(Bits.Equal(logits, after));
    }

    [Theory, MemberData(nameof(Cases))]
    public void It_loads_into_adapters_that_are_there_already(string name)
    {
        using var model = Base();
        var config = model.LoadLora(Golden.Path($"peft/{name}")) is var first ? first.Config : null!;
        using var logits = Logits(model);
        using var other = Base();
        other.InjectAdapter(config).Load(Golden.Path($"peft/{name}"));
        using var after = Logits(other);
        Assert.True(Bits.Equal(logits, after));
    }

    [Fact]
    public void A_configuration_comes_out_in_the_names_that_it_was_given_in()
    {
        LoraConfig Of(string name)
        {
            using var model = Base();
            return (LoraConfig)model.LoadLora(Golden.Path($"peft/{name}")).Config;
        }

        Assert.Equal("LoraConfig { Targets = [\"qkv\"], Rank = 4, Alpha = 16, Trainable = [\"head\", \"fc_norm\"] }", Of("lora_qkv_head").ToString());
        Assert.Equal("LoraConfig { Targets = [\"fc1\", \"fc2\", \"proj\", \"qkv\"], Exclude = [\"patch_embed.proj\"], Rank = 4, Alpha = 8, RankPattern = { \"blocks.0.attn.qkv\": 6, \"fc1\": 2 }, AlphaPattern = { \"fc2\": 32 }, Trainable = [\"head\"] }",
            Of("lora_patterns").ToString());
        Assert.Equal("LoraConfig { TargetPattern = \".*blocks\\.[02]\\..*\\.(qkv|fc2)\", Rank = 8, Alpha = 4, RankStabilized }", Of("rslora_regex").ToString());
        Assert.Equal("LoraConfig { Targets = [\"qkv\"], Rank = 2, Alpha = 2, Bias = Adapted }", Of("bias_lora_only").ToString());
    }

    internal static VisionTransformer Base() => VisionTransformer.FromCheckpoint(Golden.Path("peft/base.safetensors"), Shape);

    internal static Tensor Logits(VisionTransformer model)
    {
        using var expected = Safetensors.Open(Golden.Path("peft/expected.safetensors"));
        using var x = expected.Read("x");
        using var none = no_grad();
        return model.call(x);
    }

    // The names of layers are a set to PEFT, written in any order; fields that only newer versions know are left out, so that older ones open the folder.
    private static void SameFields(string golden, string own)
    {
        var (theirs, ours) = (JsonNode.Parse(File.ReadAllText(golden))!.AsObject(), JsonNode.Parse(File.ReadAllText(own))!.AsObject());
        if (theirs["exclude_modules"] is null) Assert.False(ours.ContainsKey("exclude_modules"));
        foreach (var (field, value) in ours.Where(field => field.Key is not "exclude_modules"))
            Assert.Equal(Sorted(theirs[field])?.ToJsonString(), Sorted(value)?.ToJsonString());

        JsonNode? Sorted(JsonNode? node) => node is JsonArray names ? new JsonArray([.. names.Select(name => name!.GetValue<string>()).Order().Select(name => (JsonNode)name)]) : node;
    }
}

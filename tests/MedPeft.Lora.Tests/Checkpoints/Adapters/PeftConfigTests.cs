using System.Text.Json.Nodes;
using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Checkpoints.Adapters;

namespace MedPeft.Lora.Tests.Checkpoints.Adapters;

/// <summary>PEFT's rules of names, as its own functions answer them (check_target_module_exists, get_pattern_key, _set_trainable).</summary>
public class PeftConfigTests
{
    [Theory]
    [InlineData("""{"target_modules": ["qkv"]}""", "blocks.0.attn.qkv", true)]
    [InlineData("""{"target_modules": ["qkv"]}""", "qkv", true)]
    [InlineData("""{"target_modules": ["kv"]}""", "blocks.0.attn.qkv", false)]
    [InlineData("""{"target_modules": ["attn.qkv", "fc1"]}""", "blocks.0.mlp.fc1", true)]
    [InlineData("""{"target_modules": "qkv"}""", "blocks.0.attn.qkv", false)]
    [InlineData("""{"target_modules": ".*qkv"}""", "blocks.0.attn.qkv", true)]
    [InlineData("""{"target_modules": "all-linear"}""", "head", true)]
    [InlineData("""{"target_modules": "All-Linear", "modules_to_save": ["head"]}""", "head", false)]
    [InlineData("""{"target_modules": ["fc"], "modules_to_save": ["head"]}""", "head.fc", false)]
    [InlineData("""{"target_modules": ["proj"], "exclude_modules": ["patch_embed.proj"]}""", "patch_embed.proj", false)]
    [InlineData("""{"target_modules": ["proj"], "exclude_modules": ["patch_embed"]}""", "patch_embed.proj", true)]
    [InlineData("""{"target_modules": ["proj"], "exclude_modules": ".*patch_embed.*"}""", "patch_embed.proj", false)]
    [InlineData("""{"target_modules": ["qkv"], "layers_to_transform": [1]}""", "model.blocks.1.attn.qkv", true)]
    [InlineData("""{"target_modules": ["qkv"], "layers_to_transform": 1}""", "model.blocks.1.attn.qkv", true)]
    [InlineData("""{"target_modules": ["qkv"], "layers_to_transform": [1]}""", "model.blocks.2.attn.qkv", false)]
    [InlineData("""{"target_modules": ["qkv"], "layers_to_transform": [1]}""", "blocks.1.attn.qkv", false)] // PEFT cannot choose blocks at the top
    [InlineData("""{"target_modules": ["blocks.2.attn.qkv"], "layers_to_transform": [1]}""", "blocks.2.attn.qkv", true)] // nor does it for whole names
    [InlineData("""{"target_modules": ["qkv"], "layers_to_transform": [1], "layers_pattern": "blocks"}""", "model.stages.1.attn.qkv", false)]
    [InlineData("""{"target_modules": ["qkv"], "layers_to_transform": [1], "layers_pattern": ["stages", "blocks"]}""", "model.blocks.1.attn.qkv", true)]
    [InlineData("""{"target_modules": ["qkv"], "layers_to_transform": []}""", "blocks.1.attn.qkv", true)]
    public void A_layer_is_targeted_as_PEFT_does(string fields, string path, bool targeted) => Assert.Equal(targeted, Config(fields).Targets(path, linear: true));

    [Theory]
    [InlineData("""{"fc1": 2}""", "blocks.0.mlp.fc1", 2)]
    [InlineData("""{"c1": 2}""", "blocks.0.mlp.fc1", 8)]
    [InlineData("""{"fc1": 2, "blocks.0.mlp.fc1": 3}""", "blocks.0.mlp.fc1", 2)] // the first, not the longest
    [InlineData("""{"fc[12]": 5}""", "blocks.0.mlp.fc2", 5)]
    [InlineData("""{"^blocks\\.0\\.mlp\\.fc1": 4}""", "blocks.0.mlp.fc1", 4)]
    [InlineData("""{"^blocks\\.0\\.mlp\\.fc1": 4}""", "decoder.blocks.0.mlp.fc1", 8)]
    public void A_pattern_matches_as_PEFT_does(string pattern, string path, double value) => Assert.Equal(value, Config($$"""{"rank_pattern": {{pattern}}}""").Of("rank_pattern", path, 8));

    [Fact]
    public void A_module_to_save_is_any_whose_name_ends_so()
    {
        var config = Config("""{"modules_to_save": ["norm"]}""");
        Assert.True(config.Saves("norm") && config.Saves("fc_norm") && config.Saves("blocks.0.attn.q_norm"));
        Assert.False(config.Saves("blocks.0.norm1"));
    }

    [Theory]
    [InlineData("""{"peft_type": null}""", "peft_type is missing, and it says which method the adapter is of. This is no adapter_config.json of PEFT.")]
    [InlineData("""{"target_modules": 3}""", "target_modules is no list of names.")]
    [InlineData("""{"target_modules": ["a", ""]}""", "target_modules has an empty name.")]
    [InlineData("""{"target_modules": "("}""", "target_modules has '(', which is no regular expression.")]
    [InlineData("""{"target_modules": "x", "layers_to_transform": 1}""", "layers_to_transform is set beside a target_modules that is a text; PEFT refuses that too, and names the layers in the text.")]
    [InlineData("""{"layers_to_transform": ["1"]}""", "layers_to_transform has something that is no number.")]
    [InlineData("""{"bias": 1}""", "bias is no text.")]
    public void A_field_of_another_kind_is_named(string fields, string reason) => Assert.Equal(reason, Assert.Throws<CheckpointException>(() => Config(fields)).Reason);

    [Fact]
    public void A_regular_expression_that_takes_forever_is_refused_in_time()
    {
        var config = Config("""{"target_modules": "(a+)+b"}""");
        Assert.Equal("target_modules has a regular expression that takes forever to match. Do not use this file.",
            Assert.Throws<CheckpointException>(() => config.Targets(new string('a', 60), linear: true)).Reason);
    }

    private static PeftConfig Config(string fields)
    {
        var json = JsonNode.Parse(fields)!.AsObject();
        if (!json.ContainsKey("peft_type")) json["peft_type"] = "LORA";
        return PeftConfig.Of(json);
    }
}

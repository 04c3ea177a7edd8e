using System.Text.Json.Nodes;
using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Tests.Checkpoints;

namespace MedPeft.Lora.Tests.Injection.Peft;

/// <summary>Folders of PEFT's whose configuration was written otherwise, or asks for what is not built here.</summary>
public sealed class LoraImportTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("""{"peft_type": "OFT"}""", "peft_type is 'OFT'; read are LORA, ")]
    [InlineData("""{"init_lora_weights": "pissa"}""", "init_lora_weights is 'pissa': PEFT changes the base or the update at the start by it. Save the adapter by PEFT with path_initial_model_for_weight_conversion, which makes a plain one of it.")]
    [InlineData("""{"lora_bias": true}""", "lora_bias is set: it trains a bias of the update, which is not built here. Train the adapter without it.")]
    [InlineData("""{"trainable_token_indices": [1]}""", "trainable_token_indices is set: it trains single rows of an embedding, which is not built here. Train the adapter without it.")]
    [InlineData("""{"layer_replication": [[0, 2]]}""", "layer_replication is set: it builds a deeper model out of the base, which is not built here. Train the adapter without it.")]
    [InlineData("""{"use_bdlora": {"nblocks": 2}}""", "use_bdlora is set: it has factors of diagonal blocks, which is not built here. Train the adapter without it.")]
    [InlineData("""{"use_newest": 1}""", "use_newest is set and not known here; what PEFT makes of it would be left out. Save the adapter by a version of PEFT that does not need it.")]
    [InlineData("""{"bias": "some"}""", "bias is 'some', which is none of none, all and lora_only.")]
    [InlineData("""{"r": 0}""", "r or rank_pattern gives a rank of 0; it must be a whole number of at least 1.")]
    [InlineData("""{"lora_alpha": -1}""", "lora_alpha or alpha_pattern gives an alpha of -1; it must be a positive number.")]
    [InlineData("""{"use_dora": "yes"}""", "use_dora is neither true nor false.")]
    public void A_field_that_cannot_be_honoured_is_named(string fields, string reason)
    {
        using var model = PeftGoldenTests.Base();
        Assert.StartsWith(reason, Assert.Throws<CheckpointException>(() => model.LoadLora(Edited("lora_qkv_head", fields))).Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"target_modules": ["proj"]}""", "adapter_config.json adapts patch_embed.proj, blocks.0.attn.proj, blocks.1.attn.proj, blocks.2.attn.proj, for which the weights have no factors. Is this the model that the adapter was trained on?")]
    [InlineData("""{"target_modules": ["blocks.0.attn.qkv"]}""", "The weights have factors for blocks.1.attn.qkv, blocks.2.attn.qkv, which adapter_config.json does not adapt in this model. Is this the model that the adapter was trained on?")]
    [InlineData("""{"target_modules": ["norm1"]}""", "'blocks.0.norm1' is among target_modules, but is of type LayerNorm, not Linear, Conv2d or Embedding.")]
    [InlineData("""{"target_modules": ["query"]}""", "adapter_config.json names no layer of this model in target_modules. The adapter's layers: blocks.0.attn.qkv, blocks.1.attn.qkv, blocks.2.attn.qkv. Layers here: blocks.0.attn.qkv, patch_embed.proj, blocks.0.attn.proj, blocks.0.mlp.fc1, blocks.0.mlp.fc2, head, … (14).")]
    [InlineData("""{"r": 5}""", "lora_qkv_head does not fit this model's adapter: base_model.model.blocks.0.attn.qkv.lora_A.weight is [4, 48] there and [5, 48] here; ")]
    [InlineData("""{"modules_to_save": ["head"]}""", "lora_qkv_head does not fit this model's adapter: the model has no place for base_model.model.fc_norm.bias, base_model.model.fc_norm.weight.")]
    [InlineData("""{"bias": "lora_only"}""", "lora_qkv_head does not fit this model's adapter: it lacks base_model.model.blocks.0.attn.qkv.base_layer.bias, ")]
    [InlineData("""{"use_dora": true}""", "lora_qkv_head does not fit this model's adapter: it lacks base_model.model.blocks.0.attn.qkv.lora_magnitude_vector, ")]
    public void A_folder_that_does_not_fit_is_refused_by_what_does_not(string fields, string message)
    {
        using var model = PeftGoldenTests.Base();
        Assert.StartsWith(message, Assert.Throws<LoraException>(() => model.LoadLora(Edited("lora_qkv_head", fields))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("lora_qkv_head", """{"target_modules": null}""")]
    [InlineData("lora_qkv_head", """{"fan_in_fan_out": true, "init_lora_weights": "gaussian", "task_type": "FEATURE_EXTRACTION", "use_later": false, "later_config": null}""")]
    [InlineData("lora_qkv_head", """{"modules_to_save": ["head", "fc_norm", "classifier", "score"]}""")] // PEFT adds names that the model need not have
    [InlineData("lora_qkv_head", """{"modules_to_save": ["ead", "c_norm"]}""")] // to PEFT a bare end is enough
    [InlineData("lora_qkv_head", """{"target_modules": "(?:.*\\.)?qkv"}""")]
    [InlineData("lora_qkv_head", """{"target_modules": ["blocks.0.attn.qkv", "1.attn.qkv", "blocks.2.attn.qkv"], "exclude_modules": ["fc1"]}""")]
    [InlineData("lora_qkv_head", """{"r": 1, "rank_pattern": {"q.v": 4}, "lora_alpha": 1, "alpha_pattern": {"(.*)": 16}}""")]
    [InlineData("all_linear", """{"target_modules": "all-linear", "exclude_modules": ["head"]}""")]
    public void Another_way_to_say_the_same_gives_the_same(string name, string fields)
    {
        using var model = PeftGoldenTests.Base();
        model.LoadLora(Golden.Path($"peft/{name}"));
        using var other = PeftGoldenTests.Base();
        var lora = other.LoadLora(Edited(name, fields));
        using TorchSharp.torch.Tensor expected = PeftGoldenTests.Logits(model), found = PeftGoldenTests.Logits(other);
        Assert.True(Bits.Equal(expected, found));
        lora.Save(_folder.File("again"));
        Assert.Equal(File.ReadAllBytes(Path.Combine(Golden.Path($"peft/{name}"), "adapter_model.safetensors")), File.ReadAllBytes(Path.Combine(_folder.File("again"), "adapter_model.safetensors")));
    }

    private string Edited(string name, string fields)
    {
        var folder = _folder.File(name);
        Directory.CreateDirectory(folder);
        File.Copy(Golden.Path($"peft/{name}/adapter_model.safetensors"), Path.Combine(folder, "adapter_model.safetensors"));
        var config = JsonNode.Parse(File.ReadAllText(Golden.Path($"peft/{name}/adapter_config.json")))!.AsObject();
        foreach (var (field, value) in JsonNode.Parse(fields)!.AsObject()) config[field] = value?.DeepClone();
        File.WriteAllText(Path.Combine(folder, "adapter_config.json"), config.ToJsonString());
        return folder;
    }
}

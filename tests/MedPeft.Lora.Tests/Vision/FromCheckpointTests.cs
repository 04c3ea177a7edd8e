using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Vision;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Vision;

/// <summary>The same weights under the names of each project give the same logits.</summary>
public sealed class FromCheckpointTests : IDisposable
{
    private static readonly ViTConfig Small = new() { ImageSize = 32, PatchSize = 8, EmbedDim = 48, Depth = 2, Heads = 3, Outputs = 5 };
    private readonly string _folder = Directory.CreateTempSubdirectory("medpeft").FullName;
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Timm_names_behind_a_wrapper_load_whole()
    {
        using var source = Trained(Small);
        using var loaded = VisionTransformer.FromCheckpoint(Save(source, name => ["module." + name]), Small, out var report);

        SameLogits(source, loaded);
        Assert.Equal(BackboneLayout.Timm, report.Layout);
        Assert.Empty(report.NewlyInitialized);
        Assert.Empty(report.LeftOver);
    }

    [Fact]
    public void A_masked_autoencoder_gives_its_encoder_and_leaves_its_decoder_over()
    {
        using var autoencoder = new MaskedAutoencoder(new MaskedAutoencoderConfig { Encoder = Small, DecoderDim = 16, DecoderDepth = 1, DecoderHeads = 2 });
        var path = Path.Combine(_folder, "mae.safetensors");
        Safetensors.Write(path, autoencoder.state_dict());
        using var loaded = VisionTransformer.FromCheckpoint(path, Small, out var report);

        Assert.Equal(["fc_norm.weight", "fc_norm.bias", "head.weight", "head.bias"], report.NewlyInitialized);
        Assert.Equal(["decoder_", "mask_token", "norm."], report.LeftOver.Select(name => name.Split('.')[0] is "norm" ? "norm." : name.StartsWith("decoder_") ? "decoder_" : name).Distinct().Order());
        var encoder = autoencoder.state_dict();
        foreach (var (name, parameter) in loaded.named_parameters().Where(p => report.Loaded.Contains(p.name))) TensorAssert.Same(encoder[name], parameter, name);
    }

    [Fact]
    public void Hugging_Face_ViT_is_fused()
    {
        var config = Small with { Pooling = ViTPooling.ClassToken };
        using var source = Trained(config);
        string[] Names(string name) => name switch
        {
            "cls_token" => ["vit.embeddings.cls_token"],
            "pos_embed" => ["vit.embeddings.position_embeddings"],
            "norm.weight" => ["vit.layernorm.weight"],
            "norm.bias" => ["vit.layernorm.bias"],
            "head.weight" => ["classifier.weight"],
            "head.bias" => ["classifier.bias"],
            _ when name.Contains("attn.qkv") => [.. new[] { "query", "key", "value" }.Select(part => Layer(name, "attn.qkv", "attention.attention." + part))],
            _ => ["vit." + name.Replace("patch_embed.proj", "embeddings.patch_embeddings.projection").Replace("blocks", "encoder.layer").Replace("attn.proj", "attention.output.dense")
                .Replace("norm1", "layernorm_before").Replace("norm2", "layernorm_after").Replace("mlp.fc1", "intermediate.dense").Replace("mlp.fc2", "output.dense")],
        };
        static string Layer(string name, string ours, string theirs) => "vit." + name.Replace("blocks", "encoder.layer").Replace(ours, theirs);

        using var loaded = VisionTransformer.FromCheckpoint(Save(source, Names), config, out var report);

        SameLogits(source, loaded);
        Assert.Equal(BackboneLayout.HuggingFaceViT, report.Layout);
        Assert.Empty(report.NewlyInitialized);
    }

    [Fact]
    public void DinoV2_of_Hugging_Face_loads_with_layer_scale_and_registers_and_fits_its_positions()
    {
        var config = Small with { Pooling = ViTPooling.ClassToken, LayerScale = 1e-5, RegisterTokens = 4, Outputs = 0 };
        using var source = Trained(config);
        string[] Names(string name) => name switch
        {
            "cls_token" => ["embeddings.cls_token"],
            "pos_embed" => ["embeddings.position_embeddings"],
            "register_tokens" => ["embeddings.register_tokens"],
            "norm.weight" => ["layernorm.weight"],
            "norm.bias" => ["layernorm.bias"],
            _ when name.Contains("attn.qkv") => [.. new[] { "query", "key", "value" }.Select(part => name.Replace("blocks", "encoder.layer").Replace("attn.qkv", "attention.attention." + part))],
            _ => [name.Replace("patch_embed.proj", "embeddings.patch_embeddings.projection").Replace("blocks", "encoder.layer").Replace("attn.proj", "attention.output.dense")
                .Replace("ls1.gamma", "layer_scale1.lambda1").Replace("ls2.gamma", "layer_scale2.lambda1")],
        };
        var path = Save(source, Names);
        using var loaded = VisionTransformer.FromCheckpoint(path, config, out var report);
        SameLogits(source, loaded);
        Assert.Equal(BackboneLayout.HuggingFaceDinoV2, report.Layout);

        using var larger = VisionTransformer.FromCheckpoint(path, config with { ImageSize = 48 }, out var fitted);
        Assert.Equal("position embeddings interpolated from 4x4 to 6x6 patches (bicubic)", fitted.Interpolated);
        var positions = source.named_parameters().First(p => p.name == "pos_embed").parameter;
        TensorAssert.Same(PositionEmbedding.Interpolate(positions, 1, 6, 6), larger.named_parameters().First(p => p.name == "pos_embed").parameter, "positions");

        var error = Assert.Throws<CheckpointException>(() => VisionTransformer.FromCheckpoint(path, config with { RegisterTokens = 0 }));
        Assert.Equal(
            "'embeddings.register_tokens' has no place in this model, and without it the features would be others. The model has Depth 2, LayerScale and 0 register tokens; choose the ViTConfig that the checkpoint was made with.",
            error.Reason);
    }

    [Fact]
    public void Registers_of_timm_without_a_class_position_load_exactly()
    {
        var config = Small with { RegisterTokens = 2, LayerScale = 1e-5, Pooling = ViTPooling.ClassToken };
        using var source = Trained(config);
        var positions = source.named_parameters().First(p => p.name == "pos_embed").parameter;
        var classToken = source.named_parameters().First(p => p.name == "cls_token").parameter;
        var path = Path.Combine(_folder, "timm.safetensors");
        var entries = source.state_dict().ToDictionary(entry => entry.Key == "register_tokens" ? "reg_token" : entry.Key, entry => entry.Value);
        entries["pos_embed"] = positions.detach().narrow(1, 1, 16).contiguous();
        entries["cls_token"] = (classToken + positions.narrow(1, 0, 1)).detach();
        Safetensors.Write(path, entries);

        using var loaded = VisionTransformer.FromCheckpoint(path, config);

        using var images = randn(2, 3, 32, 32);
        TensorAssert.Close(source.call(images), loaded.call(images), 1e-6, "logits");
    }

    [Fact]
    public void What_does_not_fit_is_named()
    {
        using var source = Trained(Small);
        var path = Save(source, name => [name]);
        string Reason(ViTConfig config) => Assert.Throws<CheckpointException>(() => VisionTransformer.FromCheckpoint(path, config)).Reason;

        Assert.Equal("'cls_token' is [1, 1, 48]; 'cls_token' of this model is [1, 1, 96]. Choose the ViTConfig that the checkpoint was made with.", Reason(Small with { EmbedDim = 96 }));
        Assert.Equal("'head.weight' is [5, 48]; 'head.weight' of this model is [14, 48]. Set Outputs to the checkpoint's classes, or pass skip: [\"head\"] to start with a new head.", Reason(Small with { Outputs = 14 }));
        Assert.Equal("no entry for 'blocks.2.norm1.weight' (looked for 'blocks.2.norm1.weight'). Choose the ViTConfig that the checkpoint was made with; if the file is cut short, fetch it again.", Reason(Small with { Depth = 3 }));
        Assert.StartsWith("'blocks.1.", Reason(Small with { Depth = 1 }));

        using var skipped = VisionTransformer.FromCheckpoint(path, Small with { Outputs = 14 }, out var report, skip: ["head"]);
        Assert.Equal(["head.weight", "head.bias"], report.NewlyInitialized);
    }

    [Theory]
    [InlineData("dist_token", "by its names this is a distilled DeiT, which has a second token and a second head. Take the DeiT without distillation, which is a plain ViT.")]
    [InlineData("blocks.0.attn.q_bias", "by its names this is EVA or BEiT, whose keys have no bias. It is not built here, and what fits of it would compute something else.")]
    [InlineData("blocks.0.attn.rope.freqs_cos", "by its names this is EVA-02, EVA-X or another ViT with rotary positions. It is not built here, and what fits of it would compute something else.")]
    [InlineData("module.blocks.1.mlp.w12.weight", "by its names this is a ViT with SwiGLU blocks (DINOv2 giant, EVA-02). It is not built here, and what fits of it would compute something else.")]
    [InlineData("norm_pre.weight", "by its names this is CLIP's ViT, which normalises before the first block. It is not built here, and what fits of it would compute something else.")]
    [InlineData("blocks.0.attn.qkv.lora_A", "by its names this is a model with LoRA factors. Load the foundation model's own checkpoint and then the factors by LoraAdapter.Load, or drop them by skip: [\"lora_A\", \"lora_B\"].")]
    public void An_architecture_that_is_not_built_here_is_called_by_its_name(string entry, string reason)
    {
        using var source = Trained(Small);
        var path = Path.Combine(_folder, "other.safetensors");
        Safetensors.Write(path, source.state_dict().Append(KeyValuePair.Create(entry, zeros(1))));
        Assert.Equal(reason, Assert.Throws<CheckpointException>(() => VisionTransformer.FromCheckpoint(path, Small)).Reason);
    }

    [Fact]
    public void A_file_without_a_transformer_says_what_is_known()
    {
        var path = Path.Combine(_folder, "other.safetensors");
        Safetensors.Write(path, new Dictionary<string, Tensor> { ["conv1.weight"] = zeros(2, 2) });

        Assert.Equal(
            "no vision transformer among its 1 tensors (conv1.weight, …). Known are the names of MAE/timm/DINOv2 (blocks.0.attn.qkv.weight) and of Hugging Face's ViTModel and Dinov2Model (encoder.layer.0. …).",
            Assert.Throws<CheckpointException>(() => VisionTransformer.FromCheckpoint(path, Small)).Reason);
    }

    private static VisionTransformer Trained(ViTConfig config)
    {
        var vit = new VisionTransformer(config, seed: 3);
        using var guard = no_grad();
        using var draws = new Generator(9, CPU);
        foreach (var parameter in vit.parameters()) parameter.add_(randn(parameter.shape, generator: draws), .1);
        return vit;
    }

    private string Save(VisionTransformer source, Func<string, string[]> rename)
    {
        var path = Path.Combine(_folder, "model.safetensors");
        Safetensors.Write(path, source.state_dict().SelectMany(entry =>
        {
            var names = rename(entry.Key);
            var parts = names.Length == 1 ? [entry.Value] : entry.Value.detach().chunk(names.Length, 0);
            return names.Zip(parts, (name, part) => KeyValuePair.Create(name, part));
        }));
        return path;
    }

    private static void SameLogits(VisionTransformer expected, VisionTransformer actual)
    {
        using var images = randn(2, 3, expected.Config.ImageSize, expected.Config.ImageSize);
        TensorAssert.Same(expected.call(images), actual.call(images), "logits");
    }
}

using MedPeft.Lora.Training;
using MedPeft.Lora.Vision;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Training;

public class ParameterGroupTests
{
    [Fact]
    public void Layer_decay_is_that_of_mae()
    {
        using var vit = new VisionTransformer(new ViTConfig { ImageSize = 16, PatchSize = 8, EmbedDim = 12, Depth = 12, Heads = 3 });
        var groups = ParameterGroup.Of(vit, new TrainingOptions { LayerDecay = .65, WeightDecay = .05 });
        double Scale(string name) => groups.Single(group => group.Parameters.Any(p => p.Name == name)).Scale;

        Assert.Equal(Math.Pow(.65, 13), Scale("patch_embed.proj.weight"), 12);
        Assert.Equal(Math.Pow(.65, 13), Scale("pos_embed"), 12);
        Assert.Equal(.00569, Scale("blocks.0.attn.qkv.weight"), 5); // facts/peft.md: "block0 .00569"
        Assert.Equal(.65, Scale("blocks.11.norm1.bias"), 12);
        Assert.Equal(1, Scale("fc_norm.weight"));
        Assert.Equal(1, Scale("head.bias"));
    }

    [Fact]
    public void Vectors_positions_and_the_class_token_are_not_decayed()
    {
        using var vit = new VisionTransformer(new ViTConfig { ImageSize = 16, PatchSize = 8, EmbedDim = 12, Depth = 1, Heads = 3 });
        var decayed = ParameterGroup.Of(vit, new TrainingOptions { WeightDecay = .05 }).Where(group => group.WeightDecay > 0).SelectMany(group => group.Parameters).Select(p => p.Name);

        Assert.Equal(
            ["patch_embed.proj.weight", "blocks.0.attn.qkv.weight", "blocks.0.attn.proj.weight", "blocks.0.mlp.fc1.weight", "blocks.0.mlp.fc2.weight", "head.weight"],
            decayed);
    }

    [Fact]
    public void Factors_of_scale_are_not_decayed_though_they_have_two_dimensions()
    {
        using var vit = new VisionTransformer(new ViTConfig { ImageSize = 16, PatchSize = 8, EmbedDim = 12, Depth = 1, Heads = 3 });
        IEnumerable<string> Decayed() => ParameterGroup.Of(vit, new TrainingOptions { WeightDecay = .05 }).Where(group => group.WeightDecay > 0).SelectMany(group => group.Parameters).Select(p => p.Name);
        var adapter = vit.InjectAdapter(new Ia3Config { Trainable = ["head"] });
        Assert.Equal(["head.weight"], Decayed());
        adapter.Remove();
        vit.InjectAdapter(new AdaLoraConfig { Targets = ["qkv"] }, "nih");

        Assert.Equal(["blocks.0.attn.qkv.lora_A.nih", "blocks.0.attn.qkv.lora_B.nih"], Decayed());
    }

    [Fact]
    public void An_adapter_with_a_name_has_the_rates_of_one_without()
    {
        using var vit = new VisionTransformer(new ViTConfig { ImageSize = 16, PatchSize = 8, EmbedDim = 12, Depth = 1, Heads = 3 });
        vit.InjectLora(new LoraConfig { Rank = 2, Targets = ["proj"] }, "nih");
        var groups = ParameterGroup.Of(vit, new TrainingOptions { WeightDecay = .05, DecayAdapters = false, LoraPlusRatio = 16 });

        Assert.All(groups, group => Assert.Equal(0, group.WeightDecay));
        Assert.Equal("blocks.0.attn.proj.lora_B.nih.weight", Assert.Single(groups.Single(group => group.Scale == 16).Parameters).Name);
    }

    [Fact]
    public void A_model_without_blocks_cannot_have_layer_decay()
    {
        using var linear = nn.Linear(3, 2);

        Assert.Equal(
            "LayerDecay needs numbered blocks (parameters named blocks.0. …), which this model has not. Set LayerDecay to 1.",
            Assert.Throws<TrainingException>(() => ParameterGroup.Of(linear, new TrainingOptions { LayerDecay = .65 })).Message);
    }

    [Fact]
    public void A_frozen_model_is_refused()
    {
        using var linear = nn.Linear(3, 2);
        foreach (var parameter in linear.parameters()) parameter.requires_grad = false;

        Assert.StartsWith("No parameter of the model requires a gradient", Assert.Throws<TrainingException>(() => ParameterGroup.Of(linear, new TrainingOptions())).Message);
    }

    [Fact]
    public void A_shared_parameter_is_stepped_once()
    {
        using var shared = nn.Linear(3, 3);
        using var model = nn.Sequential(("a", shared), ("b", shared));

        Assert.Equal(2, ParameterGroup.Trained(model).Count);
    }
}

using MedPeft.Lora.Tests.Injection;
using MedPeft.Lora.Vision;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Methods;

/// <summary>The baselines that train a part of the model as it is.</summary>
public class InFullConfigTests
{
    private static readonly ViTConfig Small = new() { ImageSize = 8, PatchSize = 4, EmbedDim = 8, Depth = 2, Heads = 2, Outputs = 3, Positions = PositionEmbeddingKind.SinCos };

    public static TheoryData<AdapterConfig, long> Methods => new()
    {
        { new FullConfig(), 0 }, // all but the fixed positions: see below
        { new LinearProbeConfig(), 8 * 3 + 3 },
        { new LinearProbeConfig { Trainable = ["head", "fc_norm"] }, 8 * 3 + 3 + 16 },
        { new BitFitConfig { Trainable = ["head"] }, 8 * 3 + 3 + 2 * (8 + 24 + 8 + 8 + 32 + 8) + 8 + 8 },
        { new BitFitConfig { Within = ["blocks.1"] }, 8 + 24 + 8 + 8 + 32 + 8 },
        { new NormTuningConfig { Trainable = ["head"] }, 8 * 3 + 3 + 5 * 16 },
        { new NormTuningConfig { Exclude = ["blocks.0"] }, 3 * 16 },
    };

    [Theory, MemberData(nameof(Methods))]
    public void Each_trains_its_part_and_nothing_else_from_the_old_outputs_on(AdapterConfig config, long trained)
    {
        using var vit = new VisionTransformer(Small);
        var all = vit.parameters().Sum(parameter => parameter.numel());
        if (config is FullConfig) trained = all - 5 * 8;
        using var x = randn(4, 3, 8, 8);
        using var y = vit.call(x);
        var plan = vit.PlanAdapter(config);
        var adapter = vit.InjectAdapter(config);
        Assert.Equal((trained, all), (adapter.Parameters.Trained, adapter.Parameters.Total));
        Assert.Equal(plan.Parameters, adapter.Parameters);
        using (var fresh = vit.call(x)) Assert.True(Bits.Equal(y, fresh));

        var frozen = vit.named_parameters().Where(entry => !entry.parameter.requires_grad).Select(entry => (entry.name, Before: entry.parameter.clone())).ToList();
        Train(vit, adapter, x);
        Assert.All(frozen, entry => Assert.True(Bits.Equal(entry.Before, vit.get_parameter(entry.name)!)));
        using var learned = vit.call(x);
        Assert.False(allclose(y, learned));

        Assert.Empty(adapter.Layers);
        Assert.False(adapter.Merged);
        Assert.Equal($"no layers adapted; {adapter.Parameters}", adapter.ToString());
        Assert.Equal($"{adapter.Parameters}\n", adapter.Describe().ToString());
        using (adapter.Disable())
        using (var disabled = vit.call(x)) Assert.True(Bits.Equal(learned, disabled));
        adapter.MergeAndRemove();
        using var after = vit.call(x);
        Assert.True(Bits.Equal(learned, after));
        Assert.Equal(all - 5 * 8, vit.parameters().Where(parameter => parameter.requires_grad).Sum(parameter => parameter.numel()));
    }

    [Fact]
    public void A_plan_says_briefly_what_is_trained()
    {
        using var vit = new VisionTransformer(Small);
        var plan = vit.PlanAdapter(new NormTuningConfig { Trainable = ["head"] });
        Assert.Equal($"in full: head, blocks.0.norm1 (2), blocks.0.norm2 (2), fc_norm\n{plan.Parameters}\ngradients and AdamW state: 1.3 KiB (full fine-tuning: 26.1 KiB)\n", plan.ToString());
    }

    [Fact]
    public void Running_statistics_belong_to_what_is_trained()
    {
        using var model = new Holders.Holder(nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)));
        var norms = model.InjectAdapter(new NormTuningConfig());
        Assert.Equal(8, norms.Parameters.Trained);
        norms.Remove();
        var full = model.InjectAdapter(new FullConfig());
        Assert.Equal(28, full.Parameters.Trained);
        var folder = Directory.CreateTempSubdirectory("medpeft").FullName;
        try
        {
            using (no_grad()) model.get_buffer("inner.1.running_mean")!.add_(3);
            full.Save(folder);
            using var other = new Holders.Holder(nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)));
            other.LoadAdapter(folder);
            Assert.True(Bits.Equal(model.get_buffer("inner.1.running_mean")!, other.get_buffer("inner.1.running_mean")!));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    public static TheoryData<Action<VisionTransformer>, string> Wrong => new()
    {
        { vit => vit.InjectAdapter(new FullConfig { Targets = ["fc1"] }), "FullConfig adapts no layers, so that Targets, TargetPattern and AllLinear mean nothing to it. Leave them out; Within and Exclude narrow down what is trained, Trainable adds to it." },
        { vit => vit.InjectAdapter(new BitFitConfig { AllLinear = true }), "BitFitConfig adapts no layers, so that Targets, TargetPattern and AllLinear mean nothing to it. Leave them out; Within and Exclude narrow down what is trained, Trainable adds to it." },
        { vit => { vit.InjectLora(new LoraConfig { Rank = 2 }); vit.InjectAdapter(new NormTuningConfig()); }, "'blocks.0.attn.qkv' is adapted, and NormTuningConfig trains a plain model. Remove the adapter first, or name what else to train in its Trainable or Bias." },
        { vit => vit.InjectAdapter(new NormTuningConfig { Within = ["attn"] }), "The model has no normalisation layer with parameters that Within [\"attn\"] and Exclude [] leave, so that NormTuningConfig would train nothing." },
        { vit => vit.InjectAdapter(new LinearProbeConfig { Trainable = ["classifier"] }), "No module matches Trainable [\"classifier\"]. Modules here: patch_embed, patch_embed.proj, blocks, blocks.0, blocks.0.norm1, blocks.0.attn, … (23)." },
    };

    [Theory, MemberData(nameof(Wrong))]
    public void What_does_not_fit_is_refused_and_changes_nothing(Action<VisionTransformer> inject, string message)
    {
        using var vit = new VisionTransformer(Small);
        Assert.Equal(message, Assert.Throws<LoraException>(() => inject(vit)).Message);
    }

    [Fact]
    public void They_are_values_that_print()
    {
        Assert.Equal(new FullConfig(), new FullConfig());
        Assert.NotEqual<AdapterConfig>(new FullConfig(), new BitFitConfig());
        Assert.Equal("FullConfig { }", new FullConfig().ToString());
        Assert.Equal("LinearProbeConfig { Trainable = [\"head\"] }", new LinearProbeConfig().ToString());
    }

    private static void Train(VisionTransformer vit, LoraAdapter adapter, Tensor x)
    {
        using var adam = optim.AdamW(adapter.TrainableParameters().Select(entry => entry.Parameter).ToList(), .02);
        using var target = randn(4, 3);
        for (var step = 0; step < 3; step++)
        {
            using var scope = NewDisposeScope();
            adam.zero_grad();
            (vit.call(x) - target).square().mean().backward();
            adam.step();
        }
    }
}

using MedPeft.Lora.Vision;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Methods;

/// <summary>Visual prompt tuning, by the checks of its paper.</summary>
public class PromptTests
{
    private static readonly ViTConfig Small = new() { ImageSize = 8, PatchSize = 4, EmbedDim = 8, Depth = 3, Heads = 2, Outputs = 3 };

    [Theory]
    [InlineData(false, ViTPooling.MeanPatches)]
    [InlineData(true, ViTPooling.MeanPatches)]
    [InlineData(false, ViTPooling.ClassToken)]
    [InlineData(true, ViTPooling.ClassToken)]
    public void Prompts_join_before_the_blocks_and_pooling_never_sees_them(bool deep, ViTPooling pooling)
    {
        using var vit = Model(Small with { Pooling = pooling });
        using var x = randn(2, 3, 8, 8);
        using var before = vit.call(x);
        var config = new PromptConfig { Tokens = 4, Deep = deep, Trainable = ["head"] };
        var plan = vit.PlanAdapter(config);
        var adapter = vit.InjectAdapter(config);
        Assert.Equal(plan.Parameters, adapter.Parameters);
        Assert.Equal((deep ? 3 : 1) * 4 * 8 + 27, adapter.Parameters.Trained);
        Assert.Equal($"blocks.0 VisionBlock {(deep ? "VPT-deep" : "VPT")} 32", adapter.Layers[0].ToString());
        using var prompted = vit.call(x);
        Assert.Equal(before.shape, prompted.shape);
        Assert.False(allclose(before, prompted));
        Assert.True(allclose(Expected(vit, adapter, x, deep), prompted, rtol: 1e-4, atol: 1e-6));

        using (adapter.Disable())
        using (var disabled = vit.call(x)) Assert.True(Bits.Equal(before, disabled));
        adapter.Remove();
        using var after = vit.call(x);
        Assert.True(Bits.Equal(before, after));
        Assert.DoesNotContain(vit.state_dict().Keys, key => key.Contains("prompt", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Gradients_equal_finite_differences(bool deep)
    {
        using var vit = Model(Small);
        vit.to(ScalarType.Float64);
        var adapter = vit.InjectAdapter(new PromptConfig { Tokens = 2, Deep = deep });
        using var x = randn(2, 3, 8, 8, dtype: ScalarType.Float64);
        using var weights = randn(2, 3, dtype: ScalarType.Float64);
        double Loss() => (vit.call(x) * weights).sum().item<double>() * 1e3;
        ((vit.call(x) * weights).sum() * 1e3).backward();
        foreach (var (_, parameter) in adapter.TrainableParameters())
        {
            using var flat = parameter.detach().view(-1);
            for (var i = 0; i < flat.numel(); i++)
            {
                var value = flat[i].item<double>();
                flat[i] = value + 1e-6;
                var up = Loss();
                flat[i] = value - 1e-6;
                var down = Loss();
                flat[i] = value;
                Assert.Equal((up - down) / 2e-6, parameter.grad!.reshape(-1)[i].item<double>(), 1e-6);
            }
        }
    }

    [Fact]
    public void They_start_uniform_in_the_papers_range_and_by_the_seed()
    {
        using var vit = Model(Small);
        var first = vit.InjectAdapter(new PromptConfig { Tokens = 100, PatchSize = 4, Seed = 2 });
        using var prompts = first.Layer<PromptLayer>("blocks.0").Prompts.clone();
        var bound = Math.Sqrt(6.0 / (48 + 8));
        Assert.InRange(prompts.abs().max().item<float>(), .98 * bound, bound);
        first.Remove();
        using var again = vit.InjectAdapter(new PromptConfig { Tokens = 100, PatchSize = 4, Seed = 2 }).Layer<PromptLayer>("blocks.0").Prompts.clone();
        Assert.True(Bits.Equal(prompts, again));
    }

    [Fact]
    public void Only_the_prompts_train_in_any_type_and_on_any_precision()
    {
        using var vit = Model(Small);
        var adapter = vit.InjectAdapter(new PromptConfig { Tokens = 4, Deep = true, Within = ["blocks.1..2"] });
        Assert.Equal(["blocks.1", "blocks.2"], adapter.Layers.Select(layer => layer.Path));
        var frozen = vit.named_parameters().Where(entry => !entry.parameter.requires_grad).Select(entry => (entry.name, Before: entry.parameter.clone())).ToList();
        using var x = randn(4, 3, 8, 8);
        using var sgd = optim.SGD(adapter.TrainableParameters().Select(entry => entry.Parameter).ToList(), 10);
        using var before = vit.call(x);
        before.square().sum().backward();
        sgd.step();
        using var after = vit.call(x);
        Assert.False(Bits.Equal(before, after));
        Assert.All(frozen, entry => Assert.True(Bits.Equal(entry.Before, vit.get_parameter(entry.name)!)));
        vit.to(ScalarType.BFloat16);
        using var half = vit.call(x.bfloat16());
        Assert.Equal(ScalarType.BFloat16, half.dtype);
    }

    [Fact]
    public void Prompts_and_low_rank_updates_go_together_in_either_order()
    {
        using var x = randn(2, 3, 8, 8);
        var lora = new LoraConfig { Rank = 2, Seed = 4 };
        var prompts = new PromptConfig { Tokens = 4, Seed = 5 };
        using var one = Model(Small);
        using var plain = one.call(x);
        var a = one.InjectAdapter(prompts);
        var b = one.InjectLora(lora);
        Assert.Equal(["blocks.0.attn.qkv", "blocks.1.attn.qkv", "blocks.2.attn.qkv"], b.Layers.Select(layer => layer.Path));
        using var other = Model(Small);
        var c = other.InjectLora(lora);
        other.InjectAdapter(prompts);
        foreach (var adapter in new[] { b, c })
            foreach (var layer in adapter.Layers)
                LayerChecks.Fill(adapter.Layer(layer.Path));
        using var y = one.call(x);
        using var z = other.call(x);
        Assert.True(Bits.Equal(y, z));
        Assert.Equal(32 + 3 * 64, one.parameters().Where(parameter => parameter.requires_grad).Sum(parameter => parameter.numel()));
        Assert.Equal(one.state_dict().Keys.Order(), other.state_dict().Keys.Order());
        b.Remove();
        a.Remove();
        using var after = one.call(x);
        Assert.True(Bits.Equal(plain, after));
    }

    [Fact]
    public void They_cannot_be_merged_and_say_so()
    {
        using var vit = Model(Small);
        var adapter = vit.InjectAdapter(new PromptConfig());
        const string Message = "Prompts are tokens beside the image's and are part of no weight, so that they cannot be merged. Use the adapter as it is, or remove it.";
        Assert.Equal(Message, Assert.Throws<LoraException>(adapter.Merge).Message);
        Assert.Equal(Message, Assert.Throws<LoraException>(adapter.MergeAndRemove).Message);
        Assert.Equal(Message, Assert.Throws<LoraException>(() => adapter.Delta("blocks.0")).Message);
        Assert.Contains("VPT", adapter.Describe().ToString(), StringComparison.Ordinal);
    }

    public static TheoryData<PromptConfig, string> Wrong => new()
    {
        { new() { Targets = ["layers"] }, "No module matches Targets [\"layers\"]. Modules here: patch_embed, patch_embed.proj, blocks, blocks.0, blocks.0.norm1, blocks.0.attn, … (32)." },
        { new() { Targets = ["mlp"] }, "Targets [\"mlp\"] matches 3 modules, blocks.0.mlp, blocks.1.mlp, blocks.2.mlp, and prompts go through the blocks of one. Write its whole path." },
        { new() { Targets = ["head"] }, "'head' has no numbered blocks. Name the module that holds them in Targets." },
        { new() { AllLinear = true }, "Prompts go before whole blocks: leave TargetPattern and AllLinear out, and name the module that holds the blocks in Targets, such as \"blocks\"." },
        { new() { Within = ["head"] }, "Exclude [] and Within [\"head\"] leave none of the 3 blocks to have prompts: blocks.0, … (3)." },
    };

    [Theory, MemberData(nameof(Wrong))]
    public void What_does_not_fit_is_refused(PromptConfig config, string message)
    {
        using var vit = Model(Small);
        Assert.Equal(message, Assert.Throws<LoraException>(() => vit.InjectAdapter(config)).Message);
    }

    [Fact]
    public void Settings_are_checked_and_print()
    {
        Assert.Equal("Tokens is 0; it must be at least 1, and 5 to 100 is usual. (Parameter 'Tokens')", Assert.Throws<ArgumentOutOfRangeException>(() => new PromptConfig { Tokens = 0 }).Message);
        Assert.Equal("PromptConfig { Targets = [\"blocks\"], Tokens = 10, Deep }", new PromptConfig { Deep = true }.ToString());
        using var vit = Model(Small);
        vit.InjectAdapter(new PromptConfig());
        Assert.Equal("'blocks.0' has prompts already. Remove them first, or leave the block out.", Assert.Throws<LoraException>(() => vit.InjectAdapter(new PromptConfig())).Message);
    }

    // The paper's own order of tokens, [class, prompts, patches], by the model's parts.
    private static Tensor Expected(VisionTransformer vit, LoraAdapter adapter, Tensor x, bool deep)
    {
        using var none = no_grad();
        nn.Module<Tensor, Tensor> Part(string name) => (nn.Module<Tensor, Tensor>)vit.named_modules().First(entry => entry.name == name).module;
        var tokens = cat([vit.get_parameter("cls_token")!.expand(x.shape[0], -1, -1), Part("patch_embed").call(x)], 1) + vit.get_parameter("pos_embed")!;
        Tensor Prompts(int block) => adapter.Layer<PromptLayer>($"blocks.{block}").Prompts.expand(x.shape[0], -1, -1);
        for (var i = 0; i < 3; i++)
        {
            if (deep && i > 0) tokens = cat([tokens[.., 0..1], tokens[.., 5..]], 1);
            if (deep || i == 0) tokens = cat([tokens[.., 0..1], Prompts(i), tokens[.., 1..]], 1);
            var block = vit.named_modules().First(entry => entry.name == $"blocks.{i}").module;
            tokens = ((nn.Module<Tensor, Tensor>)(block is AdapterLayer adapted ? adapted.Base : block)).forward(tokens);
        }
        var pooled = vit.Config.Pooling == ViTPooling.ClassToken ? Part("norm").call(tokens)[.., 0] : Part("fc_norm").call(tokens[.., 5..].mean([1L]));
        return Part("head").call(pooled);
    }

    private static VisionTransformer Model(ViTConfig config)
    {
        var vit = new VisionTransformer(config, seed: 1);
        using var none = no_grad();
        vit.get_parameter("head.weight")!.mul_(1e4); // it starts close to zero
        vit.eval();
        return vit;
    }
}

using MedPeft.Lora.Tests.Injection;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MedPeft.Lora.Tests;

public sealed class AdapterRoutingTests
{
    private static readonly string?[] Names = ["a", "b", null, "c", "a", "d"];

    [Fact]
    public void Each_sample_gets_what_its_adapter_alone_would_give()
    {
        using var model = SelectionTests.Transformer();
        using var x = randn(6, 5, 8);
        var config = AdapterSetTests.Config;
        Fill(model, config, "a");
        Fill(model, config with { Rank = 4, RankStabilized = true }, "b");
        Fill(model, config with { Dora = true, Bias = LoraBias.Adapted }, "c");
        Fill(model, config with { Trainable = ["head"], Initialization = LoraInitialization.Pissa }, "d");
        Check(model, x);
    }

    [Fact]
    public void So_it_does_where_adapters_are_of_other_layers_blocks_and_methods()
    {
        using var model = SelectionTests.Transformer();
        using var x = randn(6, 5, 8);
        Fill(model, AdapterSetTests.Config, "a");
        Fill(model, new LoraConfig { Rank = 3, Targets = ["qkv", "fc1", "proj"], Dora = true, Trainable = ["fc_norm"] }, "b");
        Fill(model, new LoraConfig { Rank = 1, Targets = ["blocks.1.attn.qkv"], Blocks = [LoraBlock.Key], Bias = LoraBias.All }, "c");
        Fill(model, new VeraConfig { Rank = 4, Targets = ["qkv"] }, "d");
        Check(model, x);
    }

    [Fact]
    public void Modules_of_other_kinds_run_once_for_each_adapter()
    {
        using var model = Sequential(("conv", Conv2d(2, 4, 3, padding: 1)), ("norm", BatchNorm2d(4)), ("pool", AdaptiveAvgPool2d(1)), ("flat", Flatten()), ("head", Sequential(Linear(4, 4), Tanh(), Linear(4, 2))));
        using var x = randn(6, 2, 5, 5);
        Fill(model, new LoraConfig { Rank = 2, Targets = ["conv"], Trainable = ["head"] }, "a");
        Fill(model, new LoraConfig { Rank = 1, Targets = ["conv"], Trainable = ["head", "norm"] }, "b");
        Fill(model, new LoraConfig { Rank = 1, Targets = ["conv"], Dora = true, Bias = LoraBias.Adapted }, "c");
        model.train();
        using (no_grad()) model.call(x).Dispose(); // moves c's running statistics
        Fill(model, new LoraConfig { Rank = 1, Targets = ["conv"], Trainable = ["head.2"] }, "d");
        Check(model, x);
    }

    [Fact]
    public void Samples_may_be_folded_into_the_batch()
    {
        using var model = new Holders.ModuleField();
        using var x = randn(12, 4); // two rows of each sample
        var config = Holders.ConfigFor(model);
        foreach (var name in Names.OfType<string>().Distinct()) Fill(model, config, name);
        Check(model, x);
    }

    [Fact]
    public void What_cannot_be_is_refused()
    {
        using var model = SelectionTests.Transformer();
        using var x = randn(6, 5, 8);
        Fill(model, AdapterSetTests.Config, "a");
        Fill(model, AdapterSetTests.Config, "b");
        var set = model.Adapters();
        Assert.Equal("Route is for evaluation, and the model is in training mode. Call eval() first.", Assert.Throws<LoraException>(() => set.Route(["a"])).Message);
        model.eval();
        Assert.Equal("There is no adapter 'c'. Adapters here: a, b.", Assert.Throws<LoraException>(() => set.Route(["a", "c"])).Message);
        using (set.Route(["a", "b", "a", "b"]))
        {
            Assert.Equal("A batch whose samples use different adapters trains none of them. Run it under torch.no_grad().", Assert.Throws<LoraException>(() => model.call(x)).Message);
            using var none = no_grad();
            Assert.Equal("Route names the adapters of 4 samples, but 'blocks.0.attn.qkv' sees [6, 5, 8], which is no batch of so many. Name one adapter for each sample of the batch; the batch must be the first dimension.",
                Assert.Throws<LoraException>(() => model.call(x)).Message);
            Assert.Equal("A scope of Route is open; dispose it before using others.", Assert.Throws<LoraException>(() => set.Use("a")).Message);
            Assert.Equal("A scope of Route is open; dispose it before another.", Assert.Throws<LoraException>(() => set.Route(["a"])).Message);
        }
        set.Use("a");
    }

    private static void Fill(Module<Tensor, Tensor> model, AdapterConfig config, string name) => AdapterSetTests.Randomize(model.InjectAdapter(config, name), name[0]);

    private static void Check(Module<Tensor, Tensor> model, Tensor x)
    {
        model.eval();
        using var none = no_grad();
        var set = model.Adapters();
        var expected = new List<Tensor>();
        var each = x.shape[0] / Names.Length;
        for (var i = 0; i < Names.Length; i++)
        {
            set.Use(Names[i] is { } name ? [name] : []);
            expected.Add(model.call(x.narrow(0, i * each, each)));
        }
        set.Use("b");
        using var before = model.call(x);
        using (set.Route(Names))
            for (var pass = 0; pass < 2; pass++)
            {
                using var y = model.call(x);
                Assert.True(allclose(cat([.. expected], 0), y, rtol: 1e-4, atol: 1e-5));
            }
        using var after = model.call(x);
        Assert.True(Bits.Equal(before, after));
    }
}

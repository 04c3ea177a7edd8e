using MedPeft.Lora.Vision;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Methods;

/// <summary>What every method has trained is saved and comes back, to identical outputs.</summary>
public sealed class SavingTests : IDisposable
{
    private static readonly ViTConfig Small = new() { ImageSize = 8, PatchSize = 4, EmbedDim = 8, Depth = 2, Heads = 2, Outputs = 3 };

    private readonly string _folder = Directory.CreateTempSubdirectory("medpeft").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    public static TheoryData<AdapterConfig> Methods =>
    [
        new LoraConfig { Rank = 2, Initialization = LoraInitialization.Gaussian, FreezeA = true, Trainable = ["head"] },
        new LoraConfig { Rank = 2, Alpha = 6, Initialization = LoraInitialization.Orthogonal },
        new LoraConfig { Rank = 2, Alpha = 6, Initialization = LoraInitialization.Pissa, Blocks = [LoraBlock.Query, LoraBlock.Value], Trainable = ["head"] },
        new LoraConfig { Rank = 2, Alpha = 6, Initialization = LoraInitialization.Olora, Targets = ["qkv", "fc1"], RankStabilized = true },
        new VeraConfig { Rank = 4, Targets = ["qkv", "fc1"], Seed = 9, Trainable = ["head"] },
        new Ia3Config { Trainable = ["head"] },
        new Ia3Config { Blocks = null, Targets = ["proj", "fc2"] },
        new SsfConfig { Trainable = ["head"] },
        new AdaLoraConfig { InitialRank = 4, TargetRank = 2 },
        new PromptConfig { Tokens = 3, Trainable = ["head"] },
        new PromptConfig { Tokens = 3, Deep = true },
        new FullConfig(),
        new LinearProbeConfig(),
        new BitFitConfig { Trainable = ["head"] },
        new NormTuningConfig(),
    ];

    [Theory, MemberData(nameof(Methods))]
    public void An_adapter_of_any_method_comes_back_to_identical_outputs(AdapterConfig config)
    {
        using var x = randn(2, 3, 8, 8);
        using var trained = Model();
        var adapter = trained.InjectAdapter(config);
        using (no_grad())
        using (var generator = new Generator(8))
            foreach (var (_, parameter) in adapter.TrainableParameters())
                using (var noise = empty(parameter.shape).normal_(0, .1, generator)) parameter.add_(noise);
        using var expected = trained.call(x);
        var to = Path.Combine(_folder, "adapter");
        adapter.Save(to);

        using var fresh = Model();
        var loaded = fresh.LoadAdapter(to);
        using var y = fresh.call(x);
        Assert.True(Bits.Equal(expected, y));
        Assert.Equal(config, loaded.Config);
        Assert.Equal(adapter.Parameters, loaded.Parameters);
        Assert.Equal(adapter.Layers.Select(layer => layer.ToString()), loaded.Layers.Select(layer => layer.ToString()));

        using var third = Model();
        var again = third.InjectAdapter(config);
        again.Load(to);
        using var z = third.call(x);
        Assert.True(Bits.Equal(expected, z));
    }

    [Fact]
    public void An_adapter_that_eva_has_started_comes_back_with_its_ranks()
    {
        using var x = randn(8, 3, 8, 8);
        using var trained = Model();
        var adapter = trained.InjectLora(new LoraConfig { Rank = 2, Targets = ["qkv", "fc2"], Initialization = LoraInitialization.Eva }, [x]);
        foreach (var layer in adapter.Layers) LayerChecks.Fill(adapter.Layer(layer.Path));
        using var expected = trained.call(x);
        adapter.Save(_folder);
        using var fresh = Model();
        var loaded = fresh.LoadLora(_folder);
        using var y = fresh.call(x);
        Assert.True(Bits.Equal(expected, y));
        Assert.Equal(adapter.Config, loaded.Config);
    }

    [Fact]
    public void LoadLora_takes_no_other_method_and_changes_nothing()
    {
        using var trained = Model();
        trained.InjectAdapter(new VeraConfig { Rank = 2, Targets = ["qkv"] }).Save(_folder);
        using var fresh = Model();
        var names = fresh.state_dict().Keys.ToList();
        Assert.Equal($"'{_folder}' holds an adapter of another method, of VeraConfig. Load it by LoadAdapter, which takes every method.", Assert.Throws<LoraException>(() => fresh.LoadLora(_folder)).Message);
        Assert.Equal(names, fresh.state_dict().Keys);
    }

    private static VisionTransformer Model()
    {
        var vit = new VisionTransformer(Small, seed: 1);
        vit.eval();
        return vit;
    }
}

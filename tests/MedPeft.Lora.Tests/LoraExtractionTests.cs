using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Tests.Injection;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MedPeft.Lora.Tests;

public sealed class LoraExtractionTests
{
    private static readonly LoraConfig Config = new() { Rank = 2, Targets = ["qkv"], Blocks = [LoraBlock.Query, LoraBlock.Value], Trainable = ["head", "fc_norm"] };

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_an_adapter_has_added_is_found_again(bool byEnergy)
    {
        var (model, tuned, expected) = Tuned();
        using (model)
        using (tuned)
        {
            using var x = randn(2, 5, 8);
            using var wanted = tuned.call(x);
            using var before = model.call(x);
            var report = LoraExtraction.FromDifference(model, tuned, Config, byEnergy ? 1 - 1e-12 : null);
            Assert.Equal([("blocks.0.attn.qkv", 2), ("blocks.1.attn.qkv", 2)], report.Layers.Select(layer => (layer.Path, layer.Rank)));
            Assert.All(report.Layers, layer => Assert.Equal(1, layer.EnergyKept, 1e-9));
            Assert.Empty(report.LeftOut);
            using var delta = report.Adapter.Delta("blocks.1.attn.qkv");
            Assert.True(allclose(expected, delta, rtol: 1e-4, atol: 1e-6));
            using var y = model.call(x);
            Assert.True(allclose(wanted, y, rtol: 1e-4, atol: 1e-5));
            Assert.True(Bits.Equal(tuned.get_parameter("head.weight")!, model.get_parameter("head.weight")!));
            model.Adapters().Use();
            using var plain = model.call(x);
            Assert.True(Bits.Equal(before, plain));
        }
    }

    [Fact]
    public void Checkpoint_files_do_as_well_as_models()
    {
        var (model, tuned, expected) = Tuned();
        var folder = Directory.CreateTempSubdirectory("medpeft").FullName;
        try
        {
            string first = Path.Combine(folder, "first.safetensors"), second = Path.Combine(folder, "second.safetensors");
            Safetensors.Write(first, model.state_dict());
            Safetensors.Write(second, tuned.state_dict());
            using var other = SelectionTests.Transformer();
            var report = LoraExtraction.FromDifference(other, first, second, Config, name: "tuned");
            using var delta = report.Adapter.Delta("blocks.1.attn.qkv");
            Assert.True(allclose(expected, delta, rtol: 1e-4, atol: 1e-6));
            Assert.Equal(["tuned"], other.Adapters().InUse);
            using var small = Sequential(("head", Linear(8, 3)));
            Assert.Equal("The tuned model is not of this model's shape: the model has no blocks.0.attn.proj.bias, blocks.0.attn.proj.weight, blocks.0.attn.qkv.bias, blocks.0.attn.qkv.weight, blocks.0.mlp.fc1.bias, blocks.0.mlp.fc1.weight and 8 more.",
                Assert.Throws<LoraException>(() => LoraExtraction.FromDifference(small, second, new LoraConfig { Targets = ["head"] })).Message);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void A_threshold_keeps_the_least_rank_that_reaches_it_and_the_rest_is_named()
    {
        using var model = Sequential(("a", Linear(6, 8)), ("b", Linear(8, 5)), ("head", Linear(5, 2)));
        using var tuned = Sequential(("a", Linear(6, 8)), ("b", Linear(8, 5)), ("head", Linear(5, 2)));
        foreach (var share in new[] { .5, .9, .99, 1 })
        {
            var report = LoraExtraction.FromDifference(model, tuned, new LoraConfig { Targets = ["a", "b"], Trainable = ["head"] }, share);
            foreach (var layer in report.Layers)
            {
                using var difference = tuned.get_parameter(layer.Path + ".weight")!.to(ScalarType.Float64) - model.get_parameter(layer.Path + ".weight")!.to(ScalarType.Float64);
                var squares = linalg.svdvals(difference).square();
                var kept = squares.cumsum(0) / squares.sum();
                Assert.Equal(kept[layer.Rank - 1].item<double>(), layer.EnergyKept, 1e-9);
                Assert.True(layer.EnergyKept >= share - 1e-12 && (layer.Rank == 1 || kept[layer.Rank - 2].item<double>() < share));
            }
            Assert.Equal(["a.bias", "b.bias"], report.LeftOut);
            Assert.Contains("differs and is left out: a.bias, b.bias", report.ToString(), StringComparison.Ordinal);
            report.Adapter.Remove();
        }
        Assert.Equal("energy is 0; it is a share in (0, 1]. (Parameter 'energy')", Assert.Throws<ArgumentOutOfRangeException>(() => LoraExtraction.FromDifference(model, tuned, new LoraConfig(), 0)).Message);
        Assert.Equal("An extracted adapter is plain LoRA: leave Dora and Initialization out of the configuration.", Assert.Throws<LoraException>(() => LoraExtraction.FromDifference(model, tuned, new LoraConfig { Dora = true })).Message);
    }

    private static (Module<Tensor, Tensor> Model, Module<Tensor, Tensor> Tuned, Tensor Delta) Tuned()
    {
        var (model, tuned) = (SelectionTests.Transformer(), SelectionTests.Transformer());
        using (no_grad())
            foreach (var (name, parameter) in tuned.named_parameters()) parameter.copy_(model.get_parameter(name)!);
        var lora = tuned.InjectLora(Config);
        AdapterSetTests.Randomize(lora, 3);
        var delta = lora.Delta("blocks.1.attn.qkv");
        lora.MergeAndRemove();
        return (model, tuned, delta);
    }
}

using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Tests.Checkpoints;
using MedPeft.Lora.Tests.Injection.Peft;
using MedPeft.Lora.Vision;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MedPeft.Lora.Tests;

/// <summary>The plain model, adapted, as a file that knows of no adapters.</summary>
public sealed class SaveMergedTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private string Merged => _folder.File("merged.safetensors");

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(0, ViTPooling.MeanPatches)]
    [InlineData(0, ViTPooling.ClassToken)]
    [InlineData(4, ViTPooling.ClassToken)]
    public void A_vision_transformer_comes_back_from_its_file_and_the_adapted_one_is_as_it_was(int registers, ViTPooling pooling)
    {
        var shape = PeftGoldenTests.Shape with { RegisterTokens = registers, Pooling = pooling, LayerScale = registers > 0 ? .5 : null };
        using var model = new VisionTransformer(shape, seed: 3);
        using (no_grad())
            foreach (var parameter in model.parameters()) parameter.normal_(0, .1);
        model.eval();
        var keys = model.state_dict().Keys.ToList();
        var lora = model.InjectLora(new LoraConfig { Rank = 2, Trainable = ["head"] });
        using (no_grad())
            foreach (var layer in lora.Layers) ((LoraLayer)lora.Layer(layer.Path)).B.normal_(0, .3);
        using var adapted = PeftGoldenTests.Logits(model);
        lora.SaveMerged(Merged);
        using (var after = PeftGoldenTests.Logits(model)) Assert.True(!lora.Merged && Bits.Equal(adapted, after));

        lora.Merge();
        using var merged = PeftGoldenTests.Logits(model);
        TensorAssert.Close(adapted, merged, 1e-5, "merged");
        lora.SaveMerged(_folder.File("again"));
        Assert.True(lora.Merged);
        Assert.Equal(File.ReadAllBytes(Merged), File.ReadAllBytes(_folder.File("again")));
        using (var file = Safetensors.Open(Merged))
        {
            Assert.Equal(keys.Select(name => name == "register_tokens" ? "reg_token" : name).Order(StringComparer.Ordinal), file.Tensors.Keys); // timm's names
            Assert.Equal(registers > 0 ? [1, 16, 48] : [1, 17, 48], file.Tensors["pos_embed"].Shape); // timm: no position for the class token beside registers
        }
        using var loaded = VisionTransformer.FromCheckpoint(Merged, shape, out var report);
        loaded.eval();
        Assert.Equal((0, 0), (report.LeftOver.Count, report.NewlyInitialized.Count));
        using (var after = PeftGoldenTests.Logits(loaded)) Assert.True(Bits.Equal(merged, after));

        lora.MergeAndRemove();
        Safetensors.Write(_folder.File("removed"), model);
        Assert.Equal(File.ReadAllBytes(Merged), File.ReadAllBytes(_folder.File("removed")));
    }

    [Fact]
    public void Any_module_is_written_under_its_own_names()
    {
        using var model = new Net();
        var lora = model.InjectLora(new LoraConfig { Rank = 2, Targets = ["Head"] });
        lora.SaveMerged(Merged);
        using var file = Safetensors.Open(Merged);
        Assert.Equal(["Head.bias", "Head.weight"], file.Tensors.Keys);
        Assert.Equal("pt", file.Metadata["format"]);
        Safetensors.Write(_folder.File("adapted"), model); // as it is, adapters and all
        using var adapted = Safetensors.Open(_folder.File("adapted"));
        Assert.Equal(["Head.bias", "Head.lora_A.weight", "Head.lora_B.weight", "Head.weight"], adapted.Tensors.Keys);
    }

    [Fact]
    public void An_update_that_would_be_missing_is_an_error()
    {
        using var model = new VisionTransformer(PeftGoldenTests.Shape);
        var lora = model.InjectLora(new LoraConfig { Rank = 2 });
        var other = model.InjectLora(new LoraConfig { Rank = 2, Targets = ["fc1"] });
        Assert.Equal("'blocks.0.mlp.fc1' is adapted by another adapter of the model, which is not merged, and its update would be missing. Merge that one too, or remove it.",
            Assert.Throws<LoraException>(() => lora.SaveMerged(Merged)).Message);
        Assert.False(lora.Merged || File.Exists(Merged));
        other.Merge();
        lora.SaveMerged(Merged);
        other.Remove();
        Assert.Equal("'blocks.0.attn.qkv.lora_A.weight' is no weight of a vision transformer: the model is adapted. Write it by LoraAdapter.SaveMerged, or call MergeAndRemove before.",
            Assert.Throws<ArgumentException>(() => Safetensors.Write(Merged, model)).Message);
    }

    private sealed class Net : Module<Tensor, Tensor>
    {
        public Net() : base("Net") => RegisterComponents();

        public Module<Tensor, Tensor> Head { get; } = Linear(4, 2);

        public override Tensor forward(Tensor x) => Head.call(x);
    }
}

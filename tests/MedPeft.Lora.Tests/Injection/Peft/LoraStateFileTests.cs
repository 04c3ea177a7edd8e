using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Tests.Checkpoints;
using MedPeft.Lora.Vision;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MedPeft.Lora.Tests.Injection.Peft;

/// <summary>State dicts of loralib's layers, among them those that the code of Lian et al. saves.</summary>
public sealed class LoraStateFileTests : IDisposable
{
    private static readonly LoraConfig Config = new() { Rank = 4, Alpha = 32, Targets = ["attn.qkv"], Blocks = [LoraBlock.Query, LoraBlock.Value], Trainable = ["head", "fc_norm"] };

    private readonly TempFolder _folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void What_the_reference_code_has_trained_gives_its_logits()
    {
        using var model = Base();
        model.InjectLora(Config).Load(Golden.Path("medpeft_vit_qv/trainable.safetensors"));
        using var expected = Safetensors.Open(Golden.Path("medpeft_vit_qv/expected.safetensors"));
        using var logits = model.call(expected.Read("x"));
        TensorAssert.Close(expected.Read("logits_train"), logits, 1e-5, "logits");
    }

    [Fact]
    public void A_whole_model_loads_unmerged_or_merged_onto_its_base_and_not_onto_another()
    {
        using var model = Base();
        var lora = model.InjectLora(Config);
        lora.Load(Golden.Path("medpeft_vit_qv/trainable.safetensors"));
        using var logits = PeftGoldenTests.Logits(model);
        Save("plain.safetensors", model);
        lora.Merge();
        Save("merged.safetensors", model);

        foreach (var name in new[] { "plain.safetensors", "merged.safetensors" })
        {
            using var other = Base();
            other.InjectLora(Config).Load(_folder.File(name));
            using var after = PeftGoldenTests.Logits(other);
            Assert.True(Bits.Equal(logits, after), name);
        }

        // The merged weights as the base: nothing but their lean towards the update tells.
        using var twice = VisionTransformer.FromCheckpoint(_folder.File("merged.safetensors"), PeftGoldenTests.Shape, skip: ["lora_A", "lora_B"]);
        var adapted = twice.InjectLora(Config);
        var before = twice.parameters().Select(parameter => parameter.detach().clone()).ToList();
        Assert.Equal("The weights of merged.safetensors, which are this model's as well, seem to have the update added already (it was saved in evaluation mode): its factors would count twice. "
            + "Load the foundation model's own checkpoint as the base, or set AllowMerged.", Assert.Throws<LoraException>(() => adapted.Load(_folder.File("merged.safetensors"))).Message);
        Assert.All(twice.parameters().Zip(before), pair => Assert.True(Bits.Equal(pair.First, pair.Second)));
        adapted.Load(_folder.File("merged.safetensors"), new LoadOptions { AllowMerged = true });
        adapted.Remove();
        twice.Dispose();

        using var stranger = Base();
        using (no_grad()) stranger.get_parameter("blocks.1.attn.qkv.weight")!.add_(.01f);
        var refused = stranger.InjectLora(Config);
        Assert.Equal("plain.safetensors was trained on another base: blocks.1.attn.qkv.weight differs. Load the checkpoint that it was trained on, or set AllowOtherBase.",
            Assert.Throws<LoraException>(() => refused.Load(_folder.File("plain.safetensors"))).Message);
        refused.Load(_folder.File("plain.safetensors"), new LoadOptions { AllowOtherBase = true });
    }

    [Fact]
    public void Plain_layers_and_tables_of_loralib_load()
    {
        using var model = Sequential(("table", Embedding(6, 4)), ("fc", Linear(4, 4)));
        var lora = model.InjectLora(new LoraConfig { Rank = 2, Targets = ["table", "fc"] });
        var factors = new Dictionary<string, Tensor> { ["table.lora_A"] = randn(2, 6), ["table.lora_B"] = randn(4, 2), ["fc.lora_A"] = randn(2, 4), ["fc.lora_B"] = randn(4, 2) };
        Safetensors.Write(_folder.File("x"), factors);
        lora.Load(_folder.File("x"));
        using var delta = lora.Delta("table");
        TensorAssert.Close(factors["table.lora_B"].mm(factors["table.lora_A"]).t() * 4, delta, 1e-5, "table"); // loralib: (B·A)ᵀ·α/r
        Assert.True(Bits.Equal(factors["fc.lora_B"], model.get_parameter("fc.lora_B.weight")!));
    }

    [Fact]
    public void What_does_not_fit_is_named()
    {
        using var model = Base();
        var golden = Golden.Path("medpeft_vit_qv/trainable.safetensors");
        Assert.Equal("trainable.safetensors does not fit this model's adapter: it lacks patch_embed.proj.weight, patch_embed.proj.bias. Inject with the rank, targets and blocks it was trained with.",
            Assert.Throws<LoraException>(() => model.InjectLora(Config with { Trainable = ["head", "patch_embed"] }).Load(golden)).Message);
        Assert.StartsWith("trainable.safetensors does not fit this model's adapter: blocks.0.attn.qkv.lora_A is [8, 48] there and [4, 48] here; ",
            Assert.Throws<LoraException>(() => PeftGoldenTests.Base().InjectLora(Config with { Rank = 2 }).Load(golden)).Message, StringComparison.Ordinal);
        Assert.Equal("'adapter_model.safetensors': this is the weights of an adapter of PEFT, which mean nothing without its adapter_config.json. Load the folder that the two are in.",
            Assert.Throws<CheckpointException>(() => PeftGoldenTests.Base().InjectLora(Config).Load(Golden.Path("peft/dora/adapter_model.safetensors"))).Message);
        Assert.Equal("'trainable.safetensors': this is a file; an adapter is a folder with adapter_config.json and adapter_model.safetensors. Name the folder.",
            Assert.Throws<CheckpointException>(() => PeftGoldenTests.Base().LoadLora(golden)).Message);

        using var convolution = Sequential(("conv", Conv2d(3, 4, 3)));
        Safetensors.Write(_folder.File("x"), new Dictionary<string, Tensor> { ["conv.lora_A"] = zeros(6, 9), ["conv.lora_B"] = zeros(12, 6) });
        Assert.Equal("x does not fit this model's adapter: conv.lora_A is [6, 9] there and [2, 3, 3, 3] here (loralib splits a convolution in another way, which is no sum of rank r here); "
            + "conv.lora_B is [12, 6] there and [4, 2, 1, 1] here (loralib splits a convolution in another way, which is no sum of rank r here). Inject with the rank, targets and blocks it was trained with.",
            Assert.Throws<LoraException>(() => convolution.InjectLora(new LoraConfig { Rank = 2, Targets = ["conv"] }).Load(_folder.File("x"))).Message);
    }

    private static VisionTransformer Base()
    {
        var model = VisionTransformer.FromCheckpoint(Golden.Path("medpeft_vit_qv/pretrained.pth"), PeftGoldenTests.Shape);
        model.eval();
        return model;
    }

    private void Save(string name, VisionTransformer model) =>
        Safetensors.Write(_folder.File(name), model.state_dict().ToDictionary(entry => entry.Key.Replace("lora_A.weight", "lora_A", StringComparison.Ordinal).Replace("lora_B.weight", "lora_B", StringComparison.Ordinal), entry => entry.Value));
}

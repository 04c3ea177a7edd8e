using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Vision;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests;

/// <summary>The adapters against tensors that the reference code of Lian et al. computed: a small ViT with LoRA on q and v.</summary>
public class LoraGoldenTests
{
    private static readonly LoraConfig Reference = new()
    {
        Rank = 4, Alpha = 32, Targets = ["attn.qkv"], Blocks = [LoraBlock.Query, LoraBlock.Value], Trainable = ["head", "fc_norm"],
    };

    [Fact]
    public void Logits_gradients_and_merged_weights_equal_the_references()
    {
        using var model = VisionTransformer.FromCheckpoint(Golden.Path("medpeft_vit_qv/pretrained.pth"),
            new ViTConfig { ImageSize = 32, PatchSize = 8, EmbedDim = 48, Depth = 3, Heads = 3, Outputs = 14 });
        var lora = model.InjectLora(Reference);
        Assert.Equal(new ParameterCount(3086, 98030, 4 * 3086, 4 * 98030), lora.Parameters);
        using (var trained = Safetensors.Open(Golden.Path("medpeft_vit_qv/trainable.safetensors")))
        using (no_grad())
            foreach (var (name, parameter) in lora.TrainableParameters())
                parameter.copy_(trained.Read(name.Replace("lora_A.weight", "lora_A", StringComparison.Ordinal).Replace("lora_B.weight", "lora_B", StringComparison.Ordinal)));
        using var expected = Safetensors.Open(Golden.Path("medpeft_vit_qv/expected.safetensors"));

        using var logits = model.call(expected.Read("x"));
        Close(expected.Read("logits_train"), logits);
        using var loss = nn.functional.binary_cross_entropy_with_logits(logits, expected.Read("y"));
        Assert.Equal(expected.Read("loss").item<float>(), loss.item<float>(), 1e-6);
        loss.backward();
        foreach (var (name, parameter) in lora.TrainableParameters())
            Close(expected.Read("grad." + name.Replace(".weight", name.Contains("lora_", StringComparison.Ordinal) ? "" : ".weight", StringComparison.Ordinal)), parameter.grad!);

        model.eval();
        lora.Merge();
        Close(expected.Read("qkv0_merged_weight"), model.get_parameter("blocks.0.attn.qkv.weight")!);
        using var merged = model.call(expected.Read("x"));
        Close(expected.Read("logits_eval_merged"), merged);
    }

    [Fact]
    public void The_papers_ranks_train_the_papers_parameters()
    {
        using var model = new VisionTransformer(ViTConfig.Base16 with { Outputs = 14 });
        foreach (var (rank, trained) in new[] { (4, 159_758), (8, 307_214), (16, 602_126), (32, 1_191_950) })
        {
            var lora = model.InjectLora(Reference with { Rank = rank });
            Assert.Equal((12, trained, 85_809_422 + trained - 12_302), (lora.Layers.Count, lora.Parameters.Trained, lora.Parameters.Total));
            lora.Remove();
        }
    }

    private static void Close(Tensor expected, Tensor actual)
    {
        Assert.Equal(expected.shape, actual.shape);
        var error = (expected - actual).abs().max().item<float>() / expected.abs().max().item<float>();
        Assert.True(error <= 1e-5, $"relative error {error}");
    }
}

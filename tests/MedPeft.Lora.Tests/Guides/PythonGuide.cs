using MedPeft.Lora.Vision;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Guides;

/// <summary>The code of docs/python.md.</summary>
public sealed class PythonGuide : IDisposable
{
    private static readonly ViTConfig Small = new() { ImageSize = 32, PatchSize = 8, EmbedDim = 32, Depth = 2, Heads = 4, Outputs = 3 };
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    [Fact]
    public void An_adapter_goes_to_Python()
    {
        using var vit = new VisionTransformer(Small);
        var folder = Path.Combine(_folder, "nih-1pct-r4");

        #region to-python
        var lora = vit.InjectLora(new LoraConfig
        {
            Rank = 4, Alpha = 32, Targets = ["qkv"], Blocks = [LoraBlock.Query, LoraBlock.Value], Trainable = ["head", "fc_norm"],
        });
        lora.Labels = ["Atelectasis", "Edema", "Effusion"];
        // ... train ...
        lora.Save(folder);
        foreach (var obstacle in lora.PeftObstacles()) Console.WriteLine(obstacle); // empty: PEFT computes the same
        #endregion

        Assert.Empty(lora.PeftObstacles());
        var config = File.ReadAllText(Path.Combine(folder, "adapter_config.json"));
        Assert.Contains("\"r\": 8", config, StringComparison.Ordinal); // two blocks of rank 4, as plain LoRA
        Assert.Contains("\"lora_alpha\": 64", config, StringComparison.Ordinal);
    }

    [Fact]
    public void A_merged_model_goes_to_Python()
    {
        using var vit = new VisionTransformer(Small);
        var lora = vit.InjectLora(new LoraConfig { Rank = 4, Targets = ["qkv"] });
        var path = Path.Combine(_folder, "merged.safetensors");

        #region merged
        lora.SaveMerged(path);
        #endregion

        using var plain = VisionTransformer.FromCheckpoint(path, Small);
        using var images = rand(1, 3, 32, 32);
        vit.eval();
        plain.eval();
        Assert.True(allclose(vit.call(images), plain.call(images), rtol: 1e-5, atol: 1e-6));
    }

    [Fact]
    public void An_adapter_comes_from_Python()
    {
        using var vit = new VisionTransformer(Small);
        var folder = Path.Combine(_folder, "from-python");
        using (var other = new VisionTransformer(Small)) other.InjectLora(new LoraConfig { Rank = 4, Targets = ["qkv", "fc1"] }).Save(folder);
        File.Delete(Path.Combine(folder, "medpeft_config.json")); // PEFT writes none

        #region from-python
        var lora = vit.LoadLora(folder);
        Console.WriteLine(lora.Describe());
        #endregion

        Assert.Equal(4, lora.Layers.Count);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}

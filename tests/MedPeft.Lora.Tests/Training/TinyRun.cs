using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Data;
using MedPeft.Lora.Imaging;
using MedPeft.Lora.Training;
using MedPeft.Lora.Vision;

namespace MedPeft.Lora.Tests.Training;

/// <summary>A run of seconds: a small vision transformer that tells bright images from dark ones, on real files.</summary>
internal static class TinyRun
{
    public static ViTConfig Model { get; } = new() { ImageSize = 16, PatchSize = 8, EmbedDim = 24, Depth = 2, Heads = 3, Outputs = 2, DropPath = .2 };

    public static TrainingOptions Options { get; } = new()
    {
        Epochs = 4, BatchSize = 8, LearningRate = .1, ImageSize = 16, Normalization = new Normalization(.5f, .25f), Seed = 11, WarmupEpochs = 1,
    };

    public static LoraAdapter Inject(VisionTransformer model, double dropout = .1) =>
        model.InjectLora(new LoraConfig { Rank = 4, Alpha = 8, Dropout = dropout, Targets = ["qkv"], Blocks = [LoraBlock.Query, LoraBlock.Value], Trainable = ["head", "fc_norm"] });

    /// <summary>Images of 20 px, every second one bright; those that are there already are left as they are.</summary>
    public static ImageDataset Images(string folder, string name, int count, ulong seed)
    {
        var records = new List<ImageRecord>();
        var random = new SampleRandom(seed);
        for (var i = 0; i < count; i++)
        {
            var bright = i % 2;
            var pixels = new byte[20 * 20];
            for (var p = 0; p < pixels.Length; p++) pixels[p] = (byte)(random.NextInt(0, 160) + 90 * bright);
            var path = Path.Combine(folder, $"{name}{i}.png");
            if (!File.Exists(path)) new PixelImage(20, 20, 1, pixels).SavePng(path);
            records.Add(new ImageRecord { Path = path, Labels = [bright, i / 2 % 2], Patient = $"{name}{i}" });
        }

        return new ImageDataset(name, ["bright", "even"], records);
    }

    /// <summary>All bits of what a run leaves: the model's state and the history of the epochs.</summary>
    public static string Fingerprint(TorchSharp.torch.nn.Module model, TrainingResult result)
    {
        using var hash = System.Security.Cryptography.IncrementalHash.CreateHash(System.Security.Cryptography.HashAlgorithmName.SHA256);
        foreach (var (_, tensor) in model.state_dict()) TensorHash.Append(hash, tensor);
        foreach (var epoch in result.Epochs)
            hash.AppendData(System.Text.Encoding.UTF8.GetBytes(FormattableString.Invariant($"{epoch.Epoch} {epoch.TrainingLoss:R} {epoch.LearningRate:R} {epoch.Auroc.Macro:R}\n")));
        return Convert.ToHexString(hash.GetHashAndReset());
    }
}

using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Vision;

namespace MedPeft.Samples.Predict;

/// <summary>Reads the shape of a vision transformer off the shapes of its weights, so that nobody has to know it by heart.</summary>
internal static class Backbone
{
    private const int ChannelsOfAHead = 64;

    public static ViTConfig Shape(string path, int outputs, int? heads, ViTPooling pooling)
    {
        using var file = Checkpoint.Open(path);
        var patch = Shape(file, "patch_embed.proj.weight"); // [C, channels, P, P]
        var positions = Shape(file, "pos_embed"); // [1, 1 + N, C]
        var blocks = file.Tensors.Keys.Where(name => name.Contains("blocks.", StringComparison.Ordinal) && !name.Contains("decoder", StringComparison.Ordinal) && name.EndsWith(".attn.qkv.weight", StringComparison.Ordinal)).ToList();
        var hidden = Shape(file, "blocks.0.mlp.fc1.weight")[0];
        var (width, grid) = ((int)patch[0], (int)Math.Round(Math.Sqrt(positions[1] - 1)));
        return new ViTConfig
        {
            ImageSize = grid * (int)patch[2],
            PatchSize = (int)patch[2],
            Channels = (int)patch[1],
            EmbedDim = width,
            Depth = blocks.Count,
            Heads = heads ?? Math.Max(1, width / ChannelsOfAHead),
            MlpRatio = (double)hidden / width,
            LayerScale = file.Tensors.Keys.Any(name => name.EndsWith("blocks.0.ls1.gamma", StringComparison.Ordinal)) ? 1e-5 : null,
            RegisterTokens = Find(file, "register_tokens") is { } registers ? (int)file.Tensors[registers].Shape[1] : 0,
            Pooling = pooling,
            Outputs = outputs,
        };
    }

    /// <summary>How many labels the head of an adapter scores.</summary>
    public static int Outputs(string adapter)
    {
        using var file = Checkpoint.Open(Path.Combine(adapter, "adapter_model.safetensors"));
        return (int)Shape(file, "head.weight")[0];
    }

    private static IReadOnlyList<long> Shape(TensorFile file, string name) => Find(file, name) is { } found ? file.Tensors[found].Shape : throw new CheckpointException(
        file.Path, $"has no '{name}', so its shape cannot be read off. This program takes MAE's and timm's names; convert other files first.");

    private static string? Find(TensorFile file, string name) => file.Tensors.Keys.Where(key =>
        (key == name || key.EndsWith("." + name, StringComparison.Ordinal)) && !key.Contains("decoder", StringComparison.Ordinal)).MinBy(key => key.Length);
}

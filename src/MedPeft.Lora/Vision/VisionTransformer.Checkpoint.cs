using System.Text.RegularExpressions;
using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Common;
using static TorchSharp.torch;

namespace MedPeft.Lora.Vision;

public sealed partial class VisionTransformer : IStateDictFile
{
    private static readonly string[] MayBeNew = ["head.", "fc_norm.", "norm."];

    /// <summary>Makes a model with the weights of a foundation model: MRM, CXR-MAE or another MAE, timm's ViT, Hugging Face's ViTModel, DINOv2, RAD-DINO.</summary>
    /// <param name="path">A PyTorch .pth/.pt/.bin or a .safetensors file, recognised by its content; it is read as data, nothing in it runs.</param>
    /// <param name="config">The shape of the model. Position embeddings of another grid are interpolated; every other shape must fit.</param>
    /// <param name="skip">Entries that are not wanted, by name, dotted beginning or dotted end: <c>head</c> drops a classifier of other classes, <c>lora_A</c> and <c>lora_B</c> drop adapters.</param>
    /// <param name="seed">Of the weights that the checkpoint does not have: the head, and with mean pooling <c>fc_norm</c>.</param>
    /// <returns>The model, on the CPU, caller owns.</returns>
    /// <exception cref="CheckpointException">The file is unreadable, of no known layout, or does not fit <paramref name="config"/>.</exception>
    public static VisionTransformer FromCheckpoint(string path, ViTConfig config, IReadOnlyList<string>? skip = null, ulong seed = 0) =>
        FromCheckpoint(path, config, out _, skip, seed);

    /// <summary>Makes a model with the weights of a foundation model and tells what became of each entry.</summary>
    /// <inheritdoc cref="FromCheckpoint(string, ViTConfig, IReadOnlyList{string}?, ulong)"/>
    /// <param name="path">A PyTorch .pth/.pt/.bin or a .safetensors file.</param>
    /// <param name="config">The shape of the model.</param>
    /// <param name="report">What was loaded, left over and newly initialised.</param>
    /// <param name="skip">Entries that are not wanted, by name, dotted beginning or dotted end.</param>
    /// <param name="seed">Of the weights that the checkpoint does not have.</param>
    public static VisionTransformer FromCheckpoint(string path, ViTConfig config, out LoadReport report, IReadOnlyList<string>? skip = null, ulong seed = 0)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(config);
        using var file = Checkpoint.Open(path);
        var model = new VisionTransformer(config, seed, drawn: false);
        try
        {
            report = model.LoadFrom(file, skip ?? []);
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    private LoadReport LoadFrom(TensorFile file, IReadOnlyList<string> skip)
    {
        bool Wanted(string name) => !skip.Any(entry => name == entry || name.StartsWith(entry + ".", StringComparison.Ordinal) || name.EndsWith("." + entry, StringComparison.Ordinal));

        if (OtherArchitectures.Recognize(file.Tensors.Keys.Where(Wanted)) is { } other)
            throw new CheckpointException(file.Path, $"by its names this is {other}{(other.Contains(". ", StringComparison.Ordinal) ? "." : ". It is not built here, and what fits of it would compute something else.")}");
        var map = BackboneMap.Recognize(file.Tensors.Keys) ?? throw new CheckpointException(
            file.Path, $"no vision transformer among its {file.Tensors.Count} tensors ({string.Join(", ", file.Tensors.Keys.Take(4))}, …). " +
            "Known are the names of MAE/timm/DINOv2 (blocks.0.attn.qkv.weight) and of Hugging Face's ViTModel and Dinov2Model (encoder.layer.0. …).");
        var (loaded, fresh, used, interpolated) = (new List<string>(), new List<string>(), new HashSet<string>(), (string?)null);
        using var guard = no_grad();
        foreach (var (name, parameter) in named_parameters().ToList())
        {
            var sources = map.Sources(name).FirstOrDefault(sources => sources.All(source => file.Tensors.ContainsKey(source) && Wanted(Unprefixed(source))));
            if (sources is null)
            {
                if (!MayBeNew.Any(start => name.StartsWith(start, StringComparison.Ordinal))) throw Missing(file, map, name);
                fresh.Add(name);
                continue;
            }

            used.UnionWith(sources);
            using var scope = NewDisposeScope();
            Tensor[] parts = [.. sources.Select(file.Read)];
            scope.Attach(parts);
            var value = parts.Length == 1 ? parts[0] : cat(parts, 0);
            if (name == "pos_embed") value = FitPositions(file, sources[0], value, parameter.shape, ref interpolated);
            if (!value.shape.SequenceEqual(parameter.shape))
            {
                throw new CheckpointException(
                    file.Path, $"'{sources[0]}' is [{string.Join(", ", value.shape)}]; '{name}' of this model is [{string.Join(", ", parameter.shape)}]. " +
                    (name.StartsWith("head.", StringComparison.Ordinal) ? "Set Outputs to the checkpoint's classes, or pass skip: [\"head\"] to start with a new head." : "Choose the ViTConfig that the checkpoint was made with."));
            }

            parameter.copy_(value);
            loaded.Add(name);
        }

        var leftOver = file.Tensors.Keys.Where(name => !used.Contains(name)).ToList();
        if (leftOver.Find(name => HoldsComputation(map, name) && Wanted(Unprefixed(name))) is { } homeless)
        {
            throw new CheckpointException(
                file.Path, $"'{homeless}' has no place in this model, and without it the features would be others. " +
                $"The model has Depth {Config.Depth}, {(Config.LayerScale is null ? "no LayerScale" : "LayerScale")} and {Config.RegisterTokens} register tokens; choose the ViTConfig that the checkpoint was made with.");
        }

        return new LoadReport(map.Layout, loaded, leftOver, fresh, interpolated);

        string Unprefixed(string name) => name.StartsWith(map.Prefix, StringComparison.Ordinal) ? name[map.Prefix.Length..] : name;
    }

    private Tensor FitPositions(TensorFile file, string source, Tensor value, long[] wanted, ref string? interpolated)
    {
        if (value.dim() != 3 || value.shape[0] != 1 || value.shape[2] != Config.EmbedDim || value.shape.SequenceEqual(wanted)) return value;
        try
        {
            // timm folds the class token's position into the token itself where it adds none to the prefix (no_embed_class).
            var side = (long)Math.Round(Math.Sqrt(value.shape[1]));
            var embedded = side * side == value.shape[1] ? cat([zeros_like(value.narrow(1, 0, 1)), value], 1) : value;
            var grid = (long)Math.Round(Math.Sqrt(embedded.shape[1] - 1));
            if (grid != Config.Grid) interpolated = $"position embeddings interpolated from {grid}x{grid} to {Config.Grid}x{Config.Grid} patches (bicubic)";
            return PositionEmbedding.Interpolate(embedded, 1, Config.Grid, Config.Grid);
        }
        catch (ArgumentException error)
        {
            throw new CheckpointException(file.Path, $"'{source}': {error.Message}");
        }
    }

    private static CheckpointException Missing(TensorFile file, BackboneMap map, string name) => new(
        file.Path, $"no entry for '{name}' (looked for {string.Join(" or ", map.Sources(name).Select(sources => $"'{string.Join("', '", sources)}'"))}). " +
        "Choose the ViTConfig that the checkpoint was made with; if the file is cut short, fetch it again.");

    // timm's names: the registers are reg_token, and beside registers the class token has no position of its own, so it is part of the token.
    IEnumerable<KeyValuePair<string, Tensor>> IStateDictFile.InFile(IEnumerable<KeyValuePair<string, Tensor>> state)
    {
        foreach (var (name, value) in state)
        {
            if (!OwnName().IsMatch(name))
                throw new ArgumentException($"'{name}' is no weight of a vision transformer: the model is adapted. Write it by LoraAdapter.SaveMerged, or call MergeAndRemove before.");
            yield return (Config.RegisterTokens, name) switch
            {
                (> 0, "register_tokens") => KeyValuePair.Create("reg_token", value),
                (> 0, "cls_token") => KeyValuePair.Create(name, value.Plus(_positions.narrow(1, 0, 1))),
                (> 0, "pos_embed") => KeyValuePair.Create(name, value.narrow(1, 1, Config.Patches)),
                _ => KeyValuePair.Create(name, value),
            };
        }
    }

    [GeneratedRegex(@"^(cls_token|pos_embed|register_tokens|patch_embed\.proj\.(weight|bias)|blocks\.\d+\.((norm[12]|attn\.(qkv|proj)|mlp\.fc[12])\.(weight|bias)|ls[12]\.gamma)|(norm|fc_norm|head)\.(weight|bias))$")]
    private static partial Regex OwnName();

    private static bool HoldsComputation(BackboneMap map, string name)
    {
        if (!name.StartsWith(map.Prefix, StringComparison.Ordinal)) return false;
        var inner = name[map.Prefix.Length..];
        return inner.StartsWith("blocks.", StringComparison.Ordinal) || inner.StartsWith("encoder.layer.", StringComparison.Ordinal)
            || inner is "register_tokens" or "reg_token" or "embeddings.register_tokens" || inner.StartsWith("norm_pre.", StringComparison.Ordinal);
    }
}

using System.Globalization;
using System.Text.RegularExpressions;

namespace MedPeft.Lora.Vision;

/// <summary>Where each parameter of a <see cref="VisionTransformer"/> stands in a checkpoint of another project.</summary>
internal sealed partial class BackboneMap
{
    // Wrappers that trainers leave in front of every name of the backbone.
    private static readonly string[] Wrappers = ["module.", "model.", "backbone.", "encoder.", "vit.", "dinov2.", "dinov2_with_registers.", "base_model.", "student.", "teacher."];

    private BackboneMap(BackboneLayout layout, string prefix) => (Layout, Prefix) = (layout, prefix);

    public BackboneLayout Layout { get; }

    /// <summary>What stands in front of every name of the backbone.</summary>
    public string Prefix { get; }

    /// <summary>Recognises a checkpoint by its names.</summary>
    /// <returns>Null where the names are those of no layout known here.</returns>
    public static BackboneMap? Recognize(IEnumerable<string> names)
    {
        foreach (var name in names.OrderBy(name => name.Length))
        {
            if (name.EndsWith("blocks.0.attn.qkv.weight", StringComparison.Ordinal) && WrapperOf(name, "blocks.0.attn.qkv.weight") is { } timm)
                return new BackboneMap(BackboneLayout.Timm, timm);
            if (name.EndsWith("encoder.layer.0.layernorm_before.weight", StringComparison.Ordinal) && WrapperOf(name, "encoder.layer.0.layernorm_before.weight") is { } vit)
                return new BackboneMap(BackboneLayout.HuggingFaceViT, vit);
            if (name.EndsWith("encoder.layer.0.layer_scale1.lambda1", StringComparison.Ordinal) && WrapperOf(name, "encoder.layer.0.layer_scale1.lambda1") is { } dino)
                return new BackboneMap(BackboneLayout.HuggingFaceDinoV2, dino);
        }

        return null;
    }

    /// <summary>The entries that make up a parameter: one, or three to be stacked (queries, keys, values); several choices, the first present counts.</summary>
    public IEnumerable<string[]> Sources(string parameter)
    {
        if (Layout == BackboneLayout.Timm)
        {
            yield return [Prefix + parameter];
            if (parameter == "register_tokens") yield return [Prefix + "reg_token"];
            yield break;
        }

        if (parameter == "head.weight" || parameter == "head.bias")
        {
            // The classifier stands beside the backbone, not inside it.
            yield return [parameter.Replace("head", "classifier", StringComparison.Ordinal)];
            yield break;
        }

        yield return parameter switch
        {
            "cls_token" => [Prefix + "embeddings.cls_token"],
            "pos_embed" => [Prefix + "embeddings.position_embeddings"],
            "register_tokens" => [Prefix + "embeddings.register_tokens"],
            "norm.weight" or "norm.bias" => [Prefix + parameter.Replace("norm", "layernorm", StringComparison.Ordinal)],
            _ when parameter.StartsWith("patch_embed.proj.", StringComparison.Ordinal) =>
                [Prefix + parameter.Replace("patch_embed.proj", "embeddings.patch_embeddings.projection", StringComparison.Ordinal)],
            _ => BlockSources(parameter) ?? [Prefix + parameter],
        };
    }

    private string[]? BlockSources(string parameter)
    {
        var match = BlockParameter().Match(parameter);
        if (!match.Success) return null;
        var layer = string.Create(CultureInfo.InvariantCulture, $"{Prefix}encoder.layer.{match.Groups[1].Value}.");
        var (module, leaf) = (match.Groups[2].Value, match.Groups[3].Value);
        var dino = Layout == BackboneLayout.HuggingFaceDinoV2;
        return module switch
        {
            "attn.qkv" => [.. new[] { "query", "key", "value" }.Select(part => $"{layer}attention.attention.{part}.{leaf}")],
            "attn.proj" => [$"{layer}attention.output.dense.{leaf}"],
            "norm1" => [layer + (dino ? "norm1." : "layernorm_before.") + leaf],
            "norm2" => [layer + (dino ? "norm2." : "layernorm_after.") + leaf],
            "mlp.fc1" => [layer + (dino ? "mlp.fc1." : "intermediate.dense.") + leaf],
            "mlp.fc2" => [layer + (dino ? "mlp.fc2." : "output.dense.") + leaf],
            "ls1" => [layer + "layer_scale1.lambda1"],
            "ls2" => [layer + "layer_scale2.lambda1"],
            _ => null,
        };
    }

    private static string? WrapperOf(string name, string known)
    {
        var prefix = name[..^known.Length];
        var rest = prefix;
        while (rest.Length > 0)
        {
            if (Array.Find(Wrappers, wrapper => rest.StartsWith(wrapper, StringComparison.Ordinal)) is not { } found) return null;
            rest = rest[found.Length..];
        }

        return prefix;
    }

    [GeneratedRegex(@"^blocks\.(\d+)\.(.+)\.(weight|bias|gamma)$")]
    private static partial Regex BlockParameter();
}

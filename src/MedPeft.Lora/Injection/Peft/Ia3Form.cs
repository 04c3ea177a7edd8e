using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Checkpoints.Adapters;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Injection.Peft;

/// <summary>PEFT's <c>IA3</c>. It rescales whole layers: the blocks of a fused one are written with ones in the others' rows, and become blocks again.</summary>
internal sealed class Ia3Form() : MethodForm("IA3")
{
    protected override string Mark => "." + Ia3Layer.Factors;

    protected override IReadOnlyList<string> Heard => ["feedforward_modules", "init_ia3_weights"];

    public override bool Holds(AdapterConfig config) => config is Ia3Config;

    public override JsonObject Fields(AdapterParts parts)
    {
        var fields = CommonFields(parts);
        new PeftTargets(parts).AddTo(fields);
        var scaled = parts.Selection.Layers.Where(layer => layer.Config is Ia3Config { ScalesInput: true }).Select(layer => ModulePath.Plain(layer.Path)).ToList();
        fields["fan_in_fan_out"] = false;
        fields["init_ia3_weights"] = true;
        // PEFT wants the names to be among the targets', or both to be regular expressions.
        var names = ((Ia3Config)parts.Config).Feedforward;
        fields["feedforward_modules"] = fields["target_modules"] is JsonArray targets && names.All(name => targets.Any(target => target!.GetValue<string>() == name))
            ? new JsonArray([.. names.Order(StringComparer.Ordinal).Select(name => (JsonNode?)name)])
            : scaled.Count == 0 ? new JsonArray() : JsonValue.Create(string.Join('|', scaled.Select(Regex.Escape)));
        return fields;
    }

    public override IEnumerable<string> Differences(PeftConfig config, AdapterParts parts) => base.Differences(config, parts).Concat(
        from layer in parts.Selection.Layers
        let here = layer.Config is Ia3Config { ScalesInput: true }
        where IsFeedforward(config, ModulePath.Plain(layer.Path)) != here
        select $"{layer.Path} rescales its {(here ? "output" : "input")} there and its {(here ? "input" : "output")} here");

    public override IReadOnlyList<(string Name, long[] Shape)> Entries(AdapterLayer layer)
    {
        var ia3 = (Ia3Layer)layer;
        return [(Ia3Layer.Factors, ia3.Blocks is null ? ia3.L.shape : [ia3.Base.get_parameter("weight")!.shape[0], 1])];
    }

    public override IReadOnlyList<Tensor> Write(AdapterLayer layer)
    {
        var ia3 = (Ia3Layer)layer;
        if (ia3.Blocks is not { } blocks) return [ia3.L.detach()];
        using var none = no_grad();
        var whole = ones(Entries(layer)[0].Shape, ia3.L.dtype, ia3.L.device);
        var size = whole.shape[0] / 3;
        for (var g = 0; g < blocks.Count; g++)
            using (Tensor rows = whole.narrow(0, (int)blocks[g] * size, size), own = ia3.L.narrow(0, g * size, size)) rows.copy_(own);
        return [whole];
    }

    public override IReadOnlyList<Tensor> Read(string path, AdapterLayer layer, IReadOnlyList<Tensor> stored)
    {
        if (((Ia3Layer)layer).Blocks is not { } blocks) return [stored[0].alias()];
        using var scope = NewDisposeScope();
        if (Rescaled(stored[0]).Except(blocks).ToList() is { Count: > 0 } others)
            throw new LoraException($"The folder rescales [{string.Join(", ", others)}] of '{path}' as well, and this adapter has Blocks [{string.Join(", ", blocks)}]. Inject with Blocks = null, or with those too.");
        var size = stored[0].shape[0] / 3;
        return [cat([.. blocks.Select(block => stored[0].narrow(0, (int)block * size, size))], 0).MoveToOuterDisposeScope()];
    }

    public override AdapterConfig Configure(PeftConfig config, TensorFile file, nn.Module root)
    {
        var layers = Layers(config, file, root);
        var feedforward = layers.Where(node => IsFeedforward(config, ModulePath.Plain(node.Path))).ToList();
        var blocks = Blocks(file, [.. layers.Except(feedforward)]);
        var common = Named(new Ia3Config { Feedforward = [.. feedforward.Select(node => node.Path)], Blocks = blocks }, config, root, layers);
        if (config.Fields["feedforward_modules"] is not JsonArray names) return common;
        var named = common with { Feedforward = [.. names.Select(name => name!.GetValue<string>())] };
        return named.Feedforward.All(name => layers.Any(node => ModulePath.Matches(name, node.Path))) && layers.All(node => named.For(node.Path).ScalesInput == feedforward.Contains(node)) ? named : common;
    }

    private static bool IsFeedforward(PeftConfig config, string path) => config.Fields["feedforward_modules"] switch
    {
        JsonArray names => names.Any(name => name!.GetValue<string>() is var end && (path == end || path.EndsWith("." + end, StringComparison.Ordinal) || path.EndsWith(end, StringComparison.Ordinal))),
        JsonValue text => Regex.IsMatch(path, $@"\A(?:{text.GetValue<string>()})\z", RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1)),
        _ => false,
    };

    /// <summary>The blocks that any of the layers rescales, where all are fused and at least one block is rescaled by none; else null.</summary>
    private static List<LoraBlock>? Blocks(TensorFile file, List<ModuleNode> layers)
    {
        if (layers.Count == 0 || !layers.All(node => node.Module is Linear { weight.shape: var shape } && shape[0] == 3 * shape[1])) return null;
        using var scope = NewDisposeScope();
        var blocks = layers.SelectMany(node => Rescaled(file.Read($"{AdapterStore.Prefix(file)}{ModulePath.Plain(node.Path)}.{Ia3Layer.Factors}"))).Distinct().Order().ToList();
        return blocks.Count is 0 or 3 ? null : blocks;
    }

    private static List<LoraBlock> Rescaled(Tensor factors)
    {
        var size = factors.shape[0] / 3;
        return [.. Enum.GetValues<LoraBlock>().Where(block =>
        {
            using Tensor rows = factors.narrow(0, (int)block * size, size), one = ones_like(rows), other = rows.ne(one), any = other.any();
            return any.item<bool>();
        })];
    }
}

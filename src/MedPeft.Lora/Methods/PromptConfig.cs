using System.Globalization;
using MedPeft.Lora.Injection;
using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>Visual prompt tuning (VPT): trained tokens join those of the image, before the first block or anew before each.</summary>
/// <remarks>
/// Jia et al. 2022, arXiv:2203.12119. The prompts come after the model's own tokens and leave again after the last block, so pooling never sees them: attention
/// does not depend on the order of tokens. Any model whose numbered blocks take and give tokens [B, N, C] can have them; nothing in it need know.
/// The model does not start as it was, and prompts merge into no weight.
/// </remarks>
public sealed record PromptConfig : AdapterConfig
{
    /// <summary>Adapts the blocks below <c>blocks</c>; <see cref="AdapterConfig.Targets"/> names the module that holds them, <see cref="AdapterConfig.Within"/> and <see cref="AdapterConfig.Exclude"/> narrow them down.</summary>
    public PromptConfig() => Targets = ["blocks"];

    /// <summary>Prompts, before each block if <see cref="Deep"/>. The default is 10; the paper searched 1 to 200.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is below 1.</exception>
    public int Tokens
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(Tokens), string.Create(CultureInfo.InvariantCulture, $"Tokens is {value}; it must be at least 1, and 5 to 100 is usual."));
    } = 10;

    /// <summary>True gives every block prompts of its own in the place of the last block's (VPT-deep); false, the default, gives the first block prompts that go on through all (VPT-shallow).</summary>
    public bool Deep { get; init; }

    /// <summary>Rows and columns of a patch of three channels, for the range of the first values, ±√(6 / (3·PatchSize² + C)) as in the paper's code. The default is 16.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is below 1.</exception>
    public int PatchSize
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(PatchSize), string.Create(CultureInfo.InvariantCulture, $"PatchSize is {value}; it must be at least 1 pixel."));
    } = 16;

    /// <summary>In the settings of one block: the block after which its prompts leave.</summary>
    internal nn.Module<Tensor, Tensor>? End { get; init; }

    internal override string Kinds => "blocks of tokens";

    internal override bool CanAdapt(nn.Module module) => false; // blocks are chosen by where they lie, not by their kind

    internal override string? Misfit(nn.Module module, string name) => module is not nn.Module<Tensor, Tensor>
        ? $"{name} is a {module.GetType().Name}, which does not take one tensor of tokens and give one. Prompts fit blocks that do."
        : Width(module) is null ? $"{name} has no normalisation layer, whose weight would tell the width of a token. Prompts fit transformer blocks." : null;

    internal override IReadOnlyList<ModuleNode> Select(nn.Module root, IReadOnlyList<ModuleNode> tree, TrainedInFull trained)
    {
        var blocks = Blocks(tree);
        if (blocks.FirstOrDefault(node => node.Module is AdapterLayer) is { } adapted) throw new LoraException($"'{adapted.Path}' has prompts already. Remove them first, or leave the block out.");
        return Deep ? blocks : [blocks[0]];
    }

    internal override AdapterConfig For(ModuleNode target, IReadOnlyList<ModuleNode> tree) =>
        this with { End = (Deep ? target.Module : Blocks(tree)[^1].Module) as nn.Module<Tensor, Tensor> };

    internal override IReadOnlyList<(string Name, long[] Shape)> Shapes(nn.Module module) => [(PromptLayer.Prompt, [Tokens, Width(module)!.Value])];

    internal override AdapterLayer Adapt(nn.Module module, Generator generator) => new PromptLayer((nn.Module<Tensor, Tensor>)module, this, generator);

    internal override LoraLayerInfo Info(string path, nn.Module module) => new(path, module.GetType().Name, 0, 0, 1, null, false, Added(module)) { Method = Deep ? "VPT-deep" : "VPT" };

    private protected override IEnumerable<string> Settings()
    {
        yield return string.Create(CultureInfo.InvariantCulture, $"Tokens = {Tokens}");
        if (Deep) yield return "Deep";
        if (PatchSize != 16) yield return string.Create(CultureInfo.InvariantCulture, $"PatchSize = {PatchSize}");
    }

    /// <summary>The width of a token: norms are the only weights of one dimension.</summary>
    internal static long? Width(nn.Module block) =>
        block.named_parameters().FirstOrDefault(entry => ModulePath.Last(entry.name) == "weight" && entry.parameter.dim() == 1).parameter?.shape[0];

    private IReadOnlyList<ModuleNode> Blocks(IReadOnlyList<ModuleNode> tree)
    {
        if (TargetPattern is not null || AllLinear) throw new LoraException("Prompts go before whole blocks: leave TargetPattern and AllLinear out, and name the module that holds the blocks in Targets, such as \"blocks\".");
        var holders = tree.Where(node => Targets.Any(name => ModulePath.Matches(name, node.Path))).ToList();
        if (holders.Count != 1)
            throw new LoraException(holders.Count == 0
                ? $"No module matches Targets {Names.Quoted(Targets)}. Modules here: {Names.Nearest(Targets, [.. tree.Select(node => node.Path)])}."
                : $"Targets {Names.Quoted(Targets)} matches {holders.Count} modules, {Names.Some([.. holders.Select(node => node.Path)])}, and prompts go through the blocks of one. Write its whole path.");
        var blocks = tree.Where(node => ReferenceEquals(node.Owner, holders[0].Module) && node.Name.All(char.IsAsciiDigit)).ToList();
        if (blocks.Count == 0) throw new LoraException($"'{holders[0].Path}' has no numbered blocks. Name the module that holds them in Targets.");
        var isKept = TargetSelection.IsKept(tree, this);
        return blocks.Where(node => isKept(node.Path)).ToList() is { Count: > 0 } kept
            ? kept
            : throw new LoraException($"Exclude {Names.Quoted(Exclude)} and Within {Names.Quoted(Within)} leave none of the {blocks.Count} blocks to have prompts: {Names.Nearest([""], [.. blocks.Select(node => node.Path)])}.");
    }
}

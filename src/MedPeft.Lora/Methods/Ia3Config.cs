using MedPeft.Lora.Injection;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>(IA)³: each adapted layer's output is rescaled by one trained factor a channel, that of a feed-forward layer's input instead.</summary>
/// <remarks>
/// Liu et al. 2022, arXiv:2205.05638: the keys and values of attention, and the hidden activations of the MLP. Factors start at 1, so the model starts bit-equal, and
/// they merge into the weights. The defaults are the paper's choice in timm's names: the key and value rows of <c>qkv</c>, and the input of <c>fc2</c>.
/// </remarks>
public sealed record Ia3Config : AdapterConfig
{
    private static readonly IReadOnlyList<string> UsualFeedforward = ["fc2"];

    /// <summary>Adapts <c>qkv</c> and <c>fc2</c>.</summary>
    public Ia3Config() => Targets = ["qkv", "fc2"];

    /// <summary>Those of the adapted layers whose input is rescaled instead of their output. The default is <c>["fc2"]</c>.</summary>
    /// <exception cref="ArgumentException">An entry is empty.</exception>
    public IReadOnlyList<string> Feedforward { get; init => field = CheckedNames(value, nameof(Feedforward), mayBeEmpty: true); } = UsualFeedforward;

    /// <summary>For fused attention layers: the projections whose rows are rescaled. The default is keys and values; null rescales whole layers, of any kind.</summary>
    /// <exception cref="ArgumentException">It is empty, names a block twice or one that does not exist.</exception>
    public IReadOnlyList<LoraBlock>? Blocks { get; init => field = value is null ? null : CheckedBlocks(value, nameof(Blocks)); } = [LoraBlock.Key, LoraBlock.Value];

    /// <summary>True in the settings of one layer whose input is rescaled.</summary>
    internal bool ScalesInput { get; init; }

    internal override string Kinds => "Linear or Conv2d";

    internal override string LayerType(nn.Module module) => nameof(Ia3Layer);

    /// <summary>True if all settings are equal, lists entry by entry.</summary>
    /// <param name="other">The other configuration.</param>
    public bool Equals(Ia3Config? other) => base.Equals(other) && ScalesInput == other.ScalesInput && Feedforward.SequenceEqual(other.Feedforward)
        && (Blocks is null ? other.Blocks is null : other.Blocks is not null && Blocks.SequenceEqual(other.Blocks));

    /// <summary>A hash that equal configurations share.</summary>
    public override int GetHashCode() => HashCode.Combine(base.GetHashCode(), Feedforward.Count, Blocks?.Count);

    internal override bool CanAdapt(nn.Module module) => module is Linear or Conv2d;

    internal override Ia3Config For(string path) =>
        Feedforward.Any(name => ModulePath.Matches(name, path)) ? this with { ScalesInput = true, Blocks = null } : this;

    internal override string? Misfit(nn.Module module, string name) => module switch
    {
        Conv2d when Blocks is not null => $"{name} is a Conv2d: Blocks [{string.Join(", ", Blocks)}] fits a fused qkv layer only. Set Blocks to null to rescale the whole layer.",
        Linear { weight.shape: var shape } when Blocks is not null && shape[0] % 3 != 0 =>
            $"{name} has {shape[0]} outputs, which is no multiple of 3: Blocks [{string.Join(", ", Blocks)}] fits a fused qkv layer only. Set Blocks to null to rescale the whole layer.",
        _ => null,
    };

    internal override void DemandFits(IReadOnlyList<ModuleNode> targets)
    {
        bool IsFeedforward(ModuleNode node) => Feedforward.Any(name => ModulePath.Matches(name, node.Path));
        RefuseMixedBlocks(Blocks, [.. targets.Where(node => !IsFeedforward(node))]);
        if (Feedforward.SequenceEqual(UsualFeedforward)) return; // the default is no promise that there is one
        if (Feedforward.Where(name => !targets.Any(node => ModulePath.Matches(name, node.Path))).ToList() is { Count: > 0 } unmatched)
            throw new LoraException($"No adapted layer matches Feedforward {Names.Quoted(unmatched)}. Adapted layers: {Names.Nearest(unmatched, [.. targets.Select(node => node.Path)])}.");
    }

    internal override IReadOnlyList<(string Name, long[] Shape)> Shapes(nn.Module module) => [(Ia3Layer.Factors, Ia3Layer.Shape(module, this))];

    internal override AdapterLayer Adapt(nn.Module module, Generator generator) => new Ia3Layer((nn.Module<Tensor, Tensor>)module, this, ScalesInput);

    internal override LoraLayerInfo Info(string path, nn.Module module) =>
        new(path, module.GetType().Name, 0, 0, 1, Blocks, false, Added(module)) { Method = ScalesInput ? "(IA)³ input" : "(IA)³" };

    private protected override IEnumerable<string> Settings()
    {
        yield return $"Feedforward = {Names.Quoted(Feedforward)}";
        yield return Blocks is null ? "Blocks = null" : $"Blocks = [{string.Join(", ", Blocks)}]";
    }
}

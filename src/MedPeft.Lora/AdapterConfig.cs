using System.Text.RegularExpressions;
using MedPeft.Lora.Injection;
using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>Which layers are adapted and what is trained beside them: what all methods have in common. The method, and how, is the derived record.</summary>
/// <remarks>
/// Names are whole paths (<c>blocks.0.attn.qkv</c>) or their ends from a dot on (<c>qkv</c>, <c>attn.qkv</c>; <c>kv</c> is
/// no such end). Each name must match something in the model: a typo is an error, never an adapter less.
/// </remarks>
public abstract partial record AdapterConfig
{
    /// <summary>The default of <see cref="Targets"/>.</summary>
    internal static readonly IReadOnlyList<string> UsualTargets = ["qkv"];

    private protected AdapterConfig() { }

    /// <summary>Names of the layers to adapt. The default is <c>["qkv"]</c>. Not used with <see cref="TargetPattern"/> or <see cref="AllLinear"/>.</summary>
    /// <exception cref="ArgumentException">It is empty, or an entry is.</exception>
    public IReadOnlyList<string> Targets { get; init => field = CheckedNames(value, nameof(Targets), mayBeEmpty: false); } = UsualTargets;

    /// <summary>False for a method that adapts no layers, so that the names of layers mean nothing to it.</summary>
    internal virtual bool AdaptsLayers => true;

    /// <summary>A regular expression that the whole path of a layer must match, in the place of <see cref="Targets"/>: <c>blocks\.(8|9)\..*\.(qkv|fc2)</c>. The default is null.</summary>
    /// <exception cref="ArgumentException">It is no valid regular expression.</exception>
    public string? TargetPattern
    {
        get;
        init
        {
            if (value is not null) Pattern(value, nameof(TargetPattern));
            field = value;
        }
    }

    /// <summary>True adapts every <c>Linear</c> layer that <see cref="Trainable"/> does not train in full, in the place of <see cref="Targets"/>. The default is false.</summary>
    public bool AllLinear { get; init; }

    /// <summary>Names of layers, or of modules whose layers, are left as they are. The default is none.</summary>
    /// <exception cref="ArgumentException">An entry is empty.</exception>
    public IReadOnlyList<string> Exclude { get; init => field = CheckedNames(value, nameof(Exclude), mayBeEmpty: true); } = [];

    /// <summary>Names of modules that the adapted layers must lie in; a range names several, both ends included: <c>["blocks.8..11"]</c>. The default, none, is the whole model.</summary>
    /// <exception cref="ArgumentException">An entry is empty, or a range runs backwards.</exception>
    public IReadOnlyList<string> Within
    {
        get;
        init
        {
            var names = CheckedNames(value, nameof(Within), mayBeEmpty: true);
            foreach (var name in names) ModuleRange.Expand(name, nameof(Within));
            field = names;
        }
    } = [];

    /// <summary>Which biases are trained beside the adapters. The default is none.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is none of the names.</exception>
    public LoraBias Bias
    {
        get;
        init => field = Enum.IsDefined(value) ? value : throw new ArgumentOutOfRangeException(nameof(Bias), $"Bias is {(int)value}, which is none of None, Adapted and All.");
    }

    /// <summary>
    /// Modules (<c>head</c>, <c>fc_norm</c>) or single parameters (<c>pos_embed</c>) that are trained in full beside the adapters and saved with them. The default is none.
    /// </summary>
    /// <exception cref="ArgumentException">An entry is empty.</exception>
    public IReadOnlyList<string> Trainable { get; init => field = CheckedNames(value, nameof(Trainable), mayBeEmpty: true); } = [];

    /// <summary>Seed of the initial values; torch's own generators are left alone. The default is 0.</summary>
    public ulong Seed { get; init; }

    /// <summary>The settings of one layer.</summary>
    internal virtual AdapterConfig For(string path) => this;

    /// <summary>The settings of one layer, where they depend on the model around it.</summary>
    internal virtual AdapterConfig For(ModuleNode target, IReadOnlyList<ModuleNode> tree) => For(target.Path);

    /// <summary>What kinds of layers can be adapted so, for messages: <c>Linear, Conv2d or Embedding</c>.</summary>
    internal abstract string Kinds { get; }

    /// <summary>The type that adapts such a layer by itself, for messages.</summary>
    internal virtual string LayerType(nn.Module module) => $"Lora{module.GetType().Name}";

    /// <summary>True for a layer that can be adapted so.</summary>
    internal abstract bool CanAdapt(nn.Module module);

    /// <summary>What is wrong with adapting a layer so; null if nothing is.</summary>
    internal abstract string? Misfit(nn.Module module, string name);

    /// <summary>Checks what only all layers together can tell.</summary>
    /// <exception cref="LoraException">They do not fit the settings.</exception>
    internal virtual void DemandFits(IReadOnlyList<ModuleNode> targets) { }

    /// <summary>The parameters that the layer's adapter would have.</summary>
    internal abstract IReadOnlyList<(string Name, long[] Shape)> Shapes(nn.Module module);

    /// <summary>Adapts a layer.</summary>
    internal abstract AdapterLayer Adapt(nn.Module module, Generator generator);

    /// <summary>Describes what <see cref="Adapt"/> makes of a layer.</summary>
    internal abstract LoraLayerInfo Info(string path, nn.Module module);

    /// <summary>False for a parameter of the adapter that no gradient reaches.</summary>
    internal virtual bool Trains(string parameter) => true;

    /// <summary>The layers to adapt, each once.</summary>
    internal virtual IReadOnlyList<ModuleNode> Select(nn.Module root, IReadOnlyList<ModuleNode> tree, TrainedInFull trained) => TargetSelection.Of(root, tree, this, trained);

    /// <summary>What the method itself trains in full, beside what <see cref="Trainable"/> names.</summary>
    internal virtual TrainedInFull InFull(nn.Module root, IReadOnlyList<ModuleNode> tree) => new([], []);

    /// <summary>Adapts the selected layers, in order; the caller takes back the finished ones if one fails.</summary>
    internal virtual IEnumerable<AdapterLayer> AdaptAll(IReadOnlyList<(string Path, nn.Module Layer, AdapterConfig Config)> layers, Generator generator) =>
        layers.Select(layer => layer.Config.Adapt(layer.Layer, generator));

    /// <summary>What hears of the steps of training; null where the method has no need to.</summary>
    internal virtual ITrainingStepObserver? Observer(IReadOnlyList<AdapterLayer> layers) => null;

    /// <summary>Parameters that the layer's adapter would add.</summary>
    private protected long Added(nn.Module module) => Shapes(module).Sum(parameter => Size(parameter.Shape));

    /// <summary>Those of them that are trained, or that are not.</summary>
    private protected long Added(nn.Module module, bool trained) => Shapes(module).Where(parameter => Trains(parameter.Name) == trained).Sum(parameter => Size(parameter.Shape));

    private static long Size(long[] shape) => shape.Aggregate(1L, (product, size) => product * size);

    /// <summary>The pattern as a matcher of whole paths.</summary>
    internal static Regex Pattern(string pattern, string property)
    {
        try
        {
            return new Regex($"^(?:{pattern})$", RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1));
        }
        catch (ArgumentException e)
        {
            throw new ArgumentException($"{property} \"{pattern}\" is no regular expression: {e.Message}", property, e);
        }
    }
}

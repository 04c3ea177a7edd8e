using System.Globalization;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>VeRA: all layers share one pair of frozen random factors; two vectors a layer are trained.</summary>
/// <remarks>
/// Kopiczko et al. 2024, arXiv:2310.11454. The factors are drawn from <see cref="AdapterConfig.Seed"/>, for the widest of the adapted layers, and the others take the
/// first rows and columns of them, as in PEFT. They are in no state dict and no file: the seed is. Counts of parameters leave them out.
/// </remarks>
public sealed record VeraConfig : AdapterConfig
{
    /// <summary>Rank r of the shared factors; it may be above what a layer could hold. The default is 256.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is below 1.</exception>
    public int Rank
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(Rank), string.Create(CultureInfo.InvariantCulture, $"Rank is {value}; it must be at least 1, and 256 is usual."));
    } = 256;

    /// <summary>First value of the vector d, which weighs the r directions. The default is 0.1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is 0 or no number: no gradient would ever reach anything.</exception>
    public double InitialD
    {
        get;
        init => field = value != 0 && double.IsFinite(value)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(InitialD), string.Create(CultureInfo.InvariantCulture, $"InitialD is {value}; it must be a number other than 0, and 0.1 is usual."));
    } = .1;

    /// <summary>Probability by which an entry of the update's input is zeroed in training. The default is 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is not in [0, 1).</exception>
    public double Dropout { get; init => field = CheckedDropout(value, nameof(Dropout)); }

    internal override string Kinds => "Linear";

    internal override string LayerType(nn.Module module) => nameof(VeraLinear);

    internal override bool CanAdapt(nn.Module module) => module is Linear;

    internal override string? Misfit(nn.Module module, string name) => null;

    internal override IReadOnlyList<(string Name, long[] Shape)> Shapes(nn.Module module) =>
        [(VeraLinear.NameB, [((Linear)module).weight.shape[0]]), (VeraLinear.NameD, [Rank])];

    internal override AdapterLayer Adapt(nn.Module module, Generator generator) => new VeraLinear((Linear)module, this);

    internal override IEnumerable<AdapterLayer> AdaptAll(IReadOnlyList<(string Path, nn.Module Layer, AdapterConfig Config)> layers, Generator generator)
    {
        var shapes = layers.Select(layer => ((Linear)layer.Layer).weight.shape).ToList();
        using var projections = new VeraProjections(Seed, Rank, shapes.Max(shape => shape[1]), shapes.Max(shape => shape[0]));
        foreach (var (_, layer, _) in layers) yield return new VeraLinear((Linear)layer, this, projections);
    }

    internal override LoraLayerInfo Info(string path, nn.Module module) => new(path, module.GetType().Name, Rank, 0, 1, null, false, Added(module)) { Method = "VeRA" };

    private protected override IEnumerable<string> Settings()
    {
        yield return string.Create(CultureInfo.InvariantCulture, $"Rank = {Rank}");
        if (InitialD != .1) yield return string.Create(CultureInfo.InvariantCulture, $"InitialD = {InitialD}");
        if (Dropout > 0) yield return string.Create(CultureInfo.InvariantCulture, $"Dropout = {Dropout}");
    }
}

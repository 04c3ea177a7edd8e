using System.Globalization;
using MedPeft.Lora.Injection;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>AdaLoRA: low-rank updates BEA whose ranks are cut while training, where they matter least, down to a budget that all layers share.</summary>
/// <remarks>
/// Zhang et al. 2023, arXiv:2303.10512; conventions of PEFT: the scale is α/(r + 10⁻⁵) for the initial rank r, E starts at zero, A and B at N(0, .02²). A loop of
/// your own must add <see cref="LoraAdapter.Penalty"/> to its loss and call <see cref="LoraAdapter.AfterStep"/> after each step of the optimizer; without that no rank is ever cut.
/// </remarks>
public sealed record AdaLoraConfig : AdapterConfig
{
    /// <summary>Rank of every layer at first. The default is 12.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is below 1.</exception>
    public int InitialRank { get; init => field = CheckedAtLeast(1, value, nameof(InitialRank)); } = 12;

    /// <summary>Mean rank of a layer in the end. The default is 8.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is below 1.</exception>
    public int TargetRank { get; init => field = CheckedAtLeast(1, value, nameof(TargetRank)); } = 8;

    /// <summary>Numerator α of the scale. The default is 8.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is not a positive number.</exception>
    public double Alpha
    {
        get;
        init => field = value > 0 && double.IsFinite(value)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Alpha), string.Create(CultureInfo.InvariantCulture, $"Alpha is {value}; it must be a positive number: the update is scaled by Alpha / InitialRank."));
    } = 8;

    /// <summary>Probability by which an entry of the update's input is zeroed in training. The default is 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is not in [0, 1).</exception>
    public double Dropout { get; init => field = CheckedDropout(value, nameof(Dropout)); }

    /// <summary>Steps before the first cut (t_i). The default is 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is below 0.</exception>
    public int WarmupSteps { get; init => field = CheckedAtLeast(0, value, nameof(WarmupSteps)); }

    /// <summary>Steps after the last cut, at the target rank (t_f). The default is 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is below 0.</exception>
    public int FinalSteps { get; init => field = CheckedAtLeast(0, value, nameof(FinalSteps)); }

    /// <summary>Steps from one cut to the next (ΔT). The default is 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is below 1.</exception>
    public int Interval { get; init => field = CheckedAtLeast(1, value, nameof(Interval)); } = 1;

    /// <summary>Share of the past in the mean importance of a value (β₁). The default is 0.85.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is not in [0, 1).</exception>
    public double ImportanceSmoothing { get; init => field = CheckedDropout(value, nameof(ImportanceSmoothing)); } = .85;

    /// <summary>Share of the past in the mean uncertainty of an importance (β₂). The default is 0.85.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is not in [0, 1).</exception>
    public double UncertaintySmoothing { get; init => field = CheckedDropout(value, nameof(UncertaintySmoothing)); } = .85;

    /// <summary>Weight of the penalty that keeps the rows of A and the columns of B orthonormal (γ). The default is 0.5.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is below 0.</exception>
    public double Orthogonality
    {
        get;
        init => field = value >= 0 && double.IsFinite(value)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Orthogonality), string.Create(CultureInfo.InvariantCulture, $"Orthogonality is {value}; it must be 0 or a positive number."));
    } = .5;

    /// <summary>The factor of the update.</summary>
    internal double Scale => Alpha / (InitialRank + 1e-5);

    internal override string Kinds => "Linear";

    internal override string LayerType(nn.Module module) => nameof(AdaLoraLinear);

    internal override bool CanAdapt(nn.Module module) => module is Linear;

    internal override string? Misfit(nn.Module module, string name)
    {
        var shape = ((Linear)module).weight.shape;
        var most = Math.Min(shape[0], shape[1]);
        return InitialRank <= most ? null : $"InitialRank {InitialRank} is above what {name} can hold ({shape[1]} inputs, {shape[0]} outputs); choose one of at most {most}.";
    }

    internal override void DemandFits(IReadOnlyList<ModuleNode> targets)
    {
        if (TargetRank > InitialRank) throw new LoraException($"TargetRank {TargetRank} is above InitialRank {InitialRank}: ranks are only cut. Start with more, or aim for less.");
    }

    internal override IReadOnlyList<(string Name, long[] Shape)> Shapes(nn.Module module)
    {
        var shape = ((Linear)module).weight.shape;
        return [("lora_A", [InitialRank, shape[1]]), ("lora_B", [shape[0], InitialRank]), ("lora_E", [InitialRank, 1])];
    }

    internal override AdapterLayer Adapt(nn.Module module, Generator generator) => new AdaLoraLinear((Linear)module, this, generator);

    internal override ITrainingStepObserver Observer(IReadOnlyList<AdapterLayer> layers) => new AdaLoraBudget(this, [.. layers.Cast<AdaLoraLinear>()]);

    internal override LoraLayerInfo Info(string path, nn.Module module) => new(path, module.GetType().Name, InitialRank, Alpha, Scale, null, false, Added(module)) { Method = "AdaLoRA" };

    private protected override IEnumerable<string> Settings()
    {
        yield return string.Create(CultureInfo.InvariantCulture, $"InitialRank = {InitialRank}, TargetRank = {TargetRank}, Alpha = {Alpha}");
        if (Dropout > 0) yield return string.Create(CultureInfo.InvariantCulture, $"Dropout = {Dropout}");
        if (WarmupSteps > 0) yield return string.Create(CultureInfo.InvariantCulture, $"WarmupSteps = {WarmupSteps}");
        if (FinalSteps > 0) yield return string.Create(CultureInfo.InvariantCulture, $"FinalSteps = {FinalSteps}");
        if (Interval > 1) yield return string.Create(CultureInfo.InvariantCulture, $"Interval = {Interval}");
        if (ImportanceSmoothing != .85) yield return string.Create(CultureInfo.InvariantCulture, $"ImportanceSmoothing = {ImportanceSmoothing}");
        if (UncertaintySmoothing != .85) yield return string.Create(CultureInfo.InvariantCulture, $"UncertaintySmoothing = {UncertaintySmoothing}");
        if (Orthogonality != .5) yield return string.Create(CultureInfo.InvariantCulture, $"Orthogonality = {Orthogonality}");
    }

    private static int CheckedAtLeast(int least, int value, string property) =>
        value >= least ? value : throw new ArgumentOutOfRangeException(property, string.Create(CultureInfo.InvariantCulture, $"{property} is {value}; it must be at least {least}."));
}

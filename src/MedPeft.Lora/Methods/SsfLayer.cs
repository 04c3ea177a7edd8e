using MedPeft.Lora.Common;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>A frozen layer whose output is scaled and shifted: y = γ · layer(x) + β, channel by channel.</summary>
/// <remarks>Lian et al. 2022, §3.2, arXiv:2210.08823. Merged, the weight is γ · W and the bias γ · b + β. The state dict has <c>ssf_scale</c> and <c>ssf_shift</c>, [channels].</remarks>
public sealed class SsfLayer : AdapterLayer
{
    /// <summary>Names of the parameters.</summary>
    internal const string ScaleName = "ssf_scale", ShiftName = "ssf_shift";

    /// <summary>Adapts a layer and freezes its own parameters.</summary>
    /// <param name="layer">A <c>Linear</c>, <c>Conv2d</c>, <c>LayerNorm</c> or <c>BatchNorm2d</c>; kept, not copied.</param>
    /// <param name="config">Says nothing but that it is SSF; the names in it are not used.</param>
    /// <exception cref="LoraException">The layer is of another kind, or has no weight.</exception>
    public SsfLayer(nn.Module<Tensor, Tensor> layer, SsfConfig config) : base(nameof(SsfLayer), layer, Start(layer, config)) { }

    /// <inheritdoc/>
    public override string Kind => Base.GetType().Name;

    /// <summary>γ, [channels]. Read it again after <c>to</c>, which replaces it.</summary>
    public Parameter Scale => Adapter[0].Value;

    /// <summary>β, [channels]; null for a layer without a bias. Read it again after <c>to</c>, which replaces it.</summary>
    public Parameter? Shift => Adapter.Count > 1 ? Adapter[1].Value : null;

    private protected override Parameter Weight => Base.get_parameter("weight")!;

    private protected override Tensor Update(Tensor input, Tensor output)
    {
        using var scale = Channels.OfActivations(Scale, Base, output.dtype);
        using (output)
        {
            var scaled = output.mul(scale);
            if (Shift is null) return scaled;
            using var shift = Channels.OfActivations(Shift, Base, output.dtype);
            return scaled.PlusInPlace(shift);
        }
    }

    private protected override Tensor ExactDelta()
    {
        using Tensor excess = Excess(ExactType(Weight)), original = Original.to(excess.dtype);
        using var rows = Channels.OfRows(excess, original, excess.dtype);
        return original.mul(rows);
    }

    private protected override Tensor? ExactBiasDelta()
    {
        if (Shift is null) return null;
        using Tensor excess = Excess(ExactType(Weight)), original = OriginalBias!.to(excess.dtype), shift = Shift.to(excess.dtype);
        return original.mul(excess).PlusInPlace(shift);
    }

    private Tensor Excess(ScalarType type)
    {
        using var none = no_grad();
        using var scale = Scale.to(type);
        return scale.Plus(-1);
    }

    private static (string, Tensor)[] Start(nn.Module<Tensor, Tensor> layer, SsfConfig config)
    {
        ArgumentNullException.ThrowIfNull(layer);
        ArgumentNullException.ThrowIfNull(config);
        if (!config.CanAdapt(layer)) throw new LoraException($"The layer is of type {layer.GetType().Name}, not {config.Kinds}.");
        if (config.Misfit(layer, "the layer") is { } misfit) throw new LoraException(misfit);
        var weight = layer.get_parameter("weight")!;
        return [.. config.Shapes(layer).Select(entry => (entry.Name, entry.Name == ScaleName ? ones(entry.Shape, AdapterType(weight), weight.device) : Zeros(entry.Shape, weight)))];
    }
}

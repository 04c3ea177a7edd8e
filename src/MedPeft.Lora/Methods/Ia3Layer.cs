using MedPeft.Lora.Common;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>A frozen layer whose output, y = l · (Wx + b), or input, y = W(l · x) + b, is rescaled by one trained factor a channel.</summary>
/// <remarks>Liu et al. 2022, §3.3, arXiv:2205.05638. The state dict has <c>ia3_l</c> in PEFT's shape: [out, 1] or [1, in], in convolutions [1, channels, 1, 1].</remarks>
public sealed class Ia3Layer : AdapterLayer
{
    /// <summary>Name of the factors.</summary>
    internal const string Factors = "ia3_l";

    private const int Fused = 3; // query, key, value

    private readonly bool _scalesInput;
    private readonly IReadOnlyList<LoraBlock>? _blocks;
    private readonly Action? _unhookInput;
    private readonly ThreadLocal<Tensor?> _scaled = new(); // the input at hand, between the hook before the layer and the one after it

    /// <summary>Adapts a layer and freezes its own parameters.</summary>
    /// <param name="layer">A <c>Linear</c> or <c>Conv2d</c>; kept, not copied.</param>
    /// <param name="config">The blocks; the names in it are not used.</param>
    /// <param name="scalesInput">True rescales the input, as for the second layer of an MLP.</param>
    /// <exception cref="LoraException">The layer is of another kind, or no fused qkv.</exception>
    public Ia3Layer(nn.Module<Tensor, Tensor> layer, Ia3Config config, bool scalesInput = false) : base(nameof(Ia3Layer), layer, Start(layer, config, scalesInput))
    {
        (_scalesInput, _blocks) = (scalesInput, scalesInput ? null : config.Blocks);
        if (scalesInput) _unhookInput = layer.register_forward_pre_hook((_, input) => ScaleInput(input)).remove;
    }

    /// <inheritdoc/>
    public override string Kind => Base.GetType().Name;

    /// <summary>The trained factors. Read them again after <c>to</c>, which replaces them.</summary>
    public Parameter L => Adapter[0].Value;

    internal override string? SharingObstacle => _scalesInput
        ? $"Adapter '{AdapterName}' rescales the input of a layer ((IA)³ before an MLP's second layer), which all adapters of the layer would see. Use one adapter at a time there, or Targets without it."
        : null;

    /// <summary>The blocks of a fused layer that are rescaled; null where the whole layer is.</summary>
    public IReadOnlyList<LoraBlock>? Blocks => _blocks;

    private protected override Parameter Weight => Base.get_parameter("weight")!;

    /// <summary>Shape of the factors of a layer.</summary>
    internal static long[] Shape(nn.Module layer, Ia3Config config)
    {
        var weight = layer.get_parameter("weight")!.shape;
        if (layer is Conv2d convolution) return [1, config.ScalesInput ? weight[1] * convolution.groups : weight[0], 1, 1];
        if (config.ScalesInput) return [1, weight[1]];
        return [config.Blocks is null ? weight[0] : config.Blocks.Count * (weight[0] / Fused), 1];
    }

    private protected override Tensor Update(Tensor input, Tensor output)
    {
        if (_scalesInput)
        {
            if (ReferenceEquals(_scaled.Value, input)) input.Dispose(); // made by the hook before the layer, which nobody else sees
            _scaled.Value = null;
            return output;
        }
        using var factors = Channels.OfActivations(L, Base, output.dtype);
        if (_blocks is null)
        {
            using (output) return output.mul(factors);
        }
        var size = Weight.shape[0] / Fused;
        for (var g = 0; g < _blocks.Count; g++)
        {
            using Tensor rows = output.narrow(-1, (int)_blocks[g] * size, size), own = factors.narrow(0, g * size, size);
            rows.mul_(own);
        }
        return output;
    }

    private protected override Tensor ExactDelta()
    {
        using var excess = Excess(ExactType(Weight));
        using var original = Original.to(excess.dtype);
        if (!_scalesInput)
        {
            using var rows = Channels.OfRows(excess, original, excess.dtype);
            return original.mul(rows);
        }
        var groups = Base is Conv2d convolution ? convolution.groups : 1;
        using Tensor grouped = original.reshape(groups, original.shape[0] / groups, original.shape[1], -1), inputs = excess.view(groups, 1, -1, 1); // [g, out/g, in/g, ...]
        using var product = grouped.mul(inputs);
        return product.reshape(original.shape);
    }

    private protected override Tensor? ExactBiasDelta()
    {
        if (_scalesInput || OriginalBias is not { } bias) return null;
        using var excess = Excess(ExactType(bias));
        using var original = bias.to(excess.dtype);
        return original.mul(excess);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _unhookInput?.Invoke();
            _scaled.Dispose();
        }
        base.Dispose(disposing);
    }

    private Tensor ScaleInput(Tensor input)
    {
        if (!TakesPart) return input;
        using var factors = Channels.OfActivations(L, Base, input.dtype);
        return _scaled.Value = input.mul(factors);
    }

    /// <summary>l − 1 of every channel, [channels]; 0 in blocks that are not adapted.</summary>
    private Tensor Excess(ScalarType type)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var excess = L.reshape(-1).to(type).Plus(-1);
        if (_blocks is null) return excess.MoveToOuterDisposeScope();
        var size = Weight.shape[0] / Fused;
        var all = zeros(Weight.shape[0], type, Weight.device);
        for (var g = 0; g < _blocks.Count; g++) all.narrow(0, (int)_blocks[g] * size, size).copy_(excess.narrow(0, g * size, size));
        return all.MoveToOuterDisposeScope();
    }

    private static (string, Tensor) Start(nn.Module<Tensor, Tensor> layer, Ia3Config config, bool scalesInput)
    {
        ArgumentNullException.ThrowIfNull(layer);
        ArgumentNullException.ThrowIfNull(config);
        if (!config.CanAdapt(layer)) throw new LoraException($"The layer is of type {layer.GetType().Name}, not {config.Kinds}.");
        var settings = scalesInput ? config with { ScalesInput = true, Blocks = null } : config;
        if (settings.Misfit(layer, "the layer") is { } misfit) throw new LoraException(misfit);
        var weight = layer.get_parameter("weight")!;
        return (Factors, ones(Shape(layer, settings), AdapterType(weight), weight.device));
    }
}

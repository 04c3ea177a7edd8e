using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Injection.NativeLayers;

/// <summary>A projection of a layer that runs in native code, as a linear layer on the layer's own parameters: the very objects.</summary>
/// <param name="layer">The layer.</param>
/// <param name="name">Its name below the layer: <c>self_attn.in_proj</c>.</param>
/// <param name="separator">What stands between that and the names of its parameters: <c>self_attn.in_proj_weight</c>, <c>linear1.weight</c>.</param>
internal sealed class NativePart(NativeLayer layer, string name, char separator)
{
    private AdapterLayer? _adapter;

    public NativeLayer Layer => layer;

    public string Name => name;

    public Linear Linear { get; } = nn.Linear(layer.Parameter($"{name}{separator}weight")!, layer.Parameter($"{name}{separator}bias"));

    /// <summary>Makes sure that the linear layer and the native code still have the same parameters.</summary>
    /// <exception cref="LoraException">One of the two has been given others.</exception>
    public void DemandLinked()
    {
        DemandLinked("weight", Linear.weight);
        DemandLinked("bias", Linear.bias);
    }

    /// <summary>True for a projection of an attention.</summary>
    public bool IsOfAttention => ModulePath.Last(name) is NativeLayer.Input or NativeLayer.Output;

    /// <summary>What lies in its place: the first adapter on it, or itself.</summary>
    public nn.Module<Tensor, Tensor> Placed
    {
        get => _adapter is null ? Linear : _adapter;
        set
        {
            _adapter = value as AdapterLayer;
            layer.Placed(this, _adapter);
        }
    }

    /// <summary>The part that a module is; null for a layer that stands by itself.</summary>
    public static NativePart? Of(nn.Module module) => NativeLayer.PartOf(module);

    /// <summary>The name in a state dict of a parameter of an adapted layer: <c>attn.in_proj_weight</c>, and <c>attn.qkv.weight</c> where the layer is a module of its own.</summary>
    public static string ParameterName(string path, nn.Module module, string parameter) => $"{path}{Of(module)?.Separator ?? '.'}{parameter}";

    private char Separator => separator;

    private void DemandLinked(string parameter, Parameter? own)
    {
        var current = layer.Parameter($"{name}{separator}{parameter}");
        if (ReferenceEquals(current, own)) return;
        throw new LoraException(current is null or { IsInvalid: true }
            ? $"'{name}' has been converted by itself, and the {layer.Host.GetType().Name} that it lies in has lost its {parameter}. Convert the model as a whole, and train it in Precision Float32."
            : $"The {parameter} of '{name}' had a gradient when the model was converted, and TorchSharp then gives the {layer.Host.GetType().Name} a new one that its native code does not read. "
                + "Call zero_grad() before to().");
    }
}

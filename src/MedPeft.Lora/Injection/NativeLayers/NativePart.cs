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
}

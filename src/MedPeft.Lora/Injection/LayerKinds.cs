using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Injection;

/// <summary>The kinds of layers that can be adapted, in one place.</summary>
internal static class LayerKinds
{
    /// <summary>True for a layer that an adapter exists for.</summary>
    public static bool CanAdapt(nn.Module module) => module is Linear;

    /// <summary>What is wrong with adapting the layer so; null if nothing is.</summary>
    public static string? Misfit(nn.Module module, LoraConfig config, string name) => module switch
    {
        Linear linear => LoraLinear.Misfit(linear, config, name),
        _ => throw new ArgumentException($"{module.GetType().Name} cannot be adapted.", nameof(module)),
    };

    /// <summary>Adapts it.</summary>
    public static LoraLayer Adapt(nn.Module module, LoraConfig config, Generator generator) => module switch
    {
        Linear linear => new LoraLinear(linear, config, generator),
        _ => throw new ArgumentException($"{module.GetType().Name} cannot be adapted.", nameof(module)),
    };
}

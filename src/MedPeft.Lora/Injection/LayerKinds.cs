using MedPeft.Lora.Injection.NativeLayers;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Injection;

/// <summary>The kinds of layers that LoRA can adapt, in one place.</summary>
internal static class LayerKinds
{
    /// <summary>Their names, for messages.</summary>
    public const string All = "Linear, Conv2d or Embedding";

    /// <summary>True for a layer that an adapter exists for.</summary>
    public static bool CanAdapt(nn.Module module) => module is Linear or Conv2d or Embedding;

    /// <summary>What is wrong with adapting the layer so; null if nothing is.</summary>
    public static string? Misfit(nn.Module module, LoraConfig config, string name) => module switch
    {
        Linear linear => LoraLinear.Misfit(linear, config, name),
        Conv2d convolution => LoraConv2d.Misfit(convolution, config, name),
        Embedding embedding => LoraEmbedding.Misfit(embedding, config, name),
        _ => throw Unknown(module),
    };

    /// <summary>The parameters that its adapter would have.</summary>
    public static IReadOnlyList<(string Name, long[] Shape)> Shapes(nn.Module module, LoraConfig config) => module switch
    {
        Linear linear => LoraLinear.Shapes(linear, config),
        Conv2d convolution => LoraConv2d.Shapes(convolution, config),
        Embedding embedding => LoraEmbedding.Shapes(embedding, config),
        _ => throw Unknown(module),
    };

    /// <summary>Adapts it.</summary>
    public static AdapterLayer Adapt(nn.Module module, LoraConfig config, Generator generator) => module switch
    {
        Linear linear => new LoraLinear(linear, config, generator),
        Conv2d convolution => new LoraConv2d(convolution, config, generator),
        Embedding embedding => new LoraEmbedding(embedding, config, generator),
        _ => throw Unknown(module),
    };

    /// <summary>Why a module of another kind cannot be adapted, where there is more to say than that.</summary>
    public static string Reason(nn.Module module, string kinds) => module switch
    {
        _ when module.GetType() is { Name: var name } && name.StartsWith("ScriptModule", StringComparison.Ordinal) =>
            $"not {kinds}: its code is TorchScript, which runs past adapters. Rebuild the model in C# and load its weights",
        MultiheadAttention attention when NativeAttention.Unknown(attention).ToList() is { Count: > 0 } unknown =>
            $"not {kinds}: its weights lie in native code, and one with {string.Join(", ", unknown)}, that is, of kdim, vdim or add_bias_kv, cannot be opened. Build the attention of Linear layers",
        _ when NativeLayer.Of(module) is not null => $"not {kinds}: its weights lie in native code. Name the projections in it",
        TransformerDecoderLayer or TransformerDecoder or Transformer =>
            $"not {kinds}: its weights lie in native code, which runs past adapters. Build the attention of Linear layers",
        _ => $"not {kinds}",
    };

    private static ArgumentException Unknown(nn.Module module) => new($"{module.GetType().Name} cannot be adapted.", nameof(module));
}

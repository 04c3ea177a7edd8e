using System.Text.Json.Nodes;
using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Checkpoints.Adapters;
using MedPeft.Lora.Injection.NativeLayers;
using static TorchSharp.torch;

namespace MedPeft.Lora.Injection.Peft;

/// <summary>How the adapters of a method lie in a folder. This one is our own, for methods that PEFT does not know; each method that it knows has a form derived from it.</summary>
/// <remarks>A folder that PEFT would read as something else than it is carries a <c>peft_type</c> that PEFT refuses.</remarks>
internal class PeftForm
{
    private const string OwnType = "MEDPEFT";
    private static readonly PeftForm Own = new();
    private static readonly IReadOnlyList<PeftForm> Known = [new LoraForm(), new Ia3Form(), new VeraForm(), new AdaLoraForm(), new NormForm()];

    private protected PeftForm() { }

    /// <summary>What PEFT calls the method.</summary>
    public virtual string PeftType => OwnType;

    /// <summary>The form of a method.</summary>
    public static PeftForm Of(AdapterConfig config) => Known.FirstOrDefault(form => form.Holds(config)) ?? Own;

    /// <summary>The form of a folder that PEFT has made.</summary>
    /// <exception cref="CheckpointException">It is of a method that is not read here, or one of ours that has lost its own file.</exception>
    public static PeftForm Of(PeftConfig config) => Known.FirstOrDefault(form => form.PeftType == config.PeftType)
        ?? throw config.Fault("peft_type", config.PeftType.StartsWith(OwnType, StringComparison.Ordinal)
            ? $"is {Quoted.Text(config.PeftType)}, a form of this library's, but {AdapterFolder.OwnConfig} is not beside it. Fetch all files of the adapter."
            : $"is {Quoted.Text(config.PeftType)}; read are {string.Join(", ", Known.Select(form => form.PeftType))}.");

    /// <summary>The <c>peft_type</c> to write: one that PEFT refuses where it could not hold the adapter.</summary>
    public string TypeOf(AdapterParts parts) => PeftType == OwnType ? OwnType : Obstacles(parts).Any() ? $"{OwnType}_{PeftType}" : PeftType;

    // PEFT adapts the two projections of a MultiheadAttention together and calls them by the attention's own name and by base_layer.out_proj.
    private static IEnumerable<string> OfAttention(AdapterParts parts) => parts.Layers.Where(entry => NativePart.Of(entry.Layer.Base) is { IsOfAttention: true })
        .Select(entry => $"'{entry.Path}' is a projection of a MultiheadAttention, and PEFT adapts both together under other names.");

    /// <summary>True if adapters of this configuration have the form.</summary>
    public virtual bool Holds(AdapterConfig config) => false;

    /// <summary>Why PEFT would not compute what we do; nothing where it would.</summary>
    public IEnumerable<string> Obstacles(AdapterParts parts) => OfMethod(parts).Concat(OfAttention(parts));

    /// <summary>What of it lies in the method and its settings.</summary>
    private protected virtual IEnumerable<string> OfMethod(AdapterParts parts) => [$"PEFT knows no method like {parts.Config.GetType().Name}."];

    /// <summary>The fields of <c>adapter_config.json</c> but for <c>peft_type</c>.</summary>
    public virtual JsonObject Fields(AdapterParts parts) => [];

    /// <summary>The configuration that makes the adapters of a folder which PEFT has made.</summary>
    public virtual AdapterConfig Configure(PeftConfig config, TensorFile file, nn.Module root) => throw new System.Diagnostics.UnreachableException("PEFT writes no folders of this form.");

    /// <summary>Where the fields of <c>adapter_config.json</c> mean another adapter than this one.</summary>
    public virtual IEnumerable<string> Differences(PeftConfig config, AdapterParts parts) => [];

    /// <summary>The form of one folder, where what its configuration says changes what lies in it.</summary>
    public virtual PeftForm For(PeftConfig config, AdapterParts parts) => this;

    /// <summary>Tensors that all layers share, with their whole names in a file.</summary>
    /// <returns>The tensors themselves, to be written or copied to.</returns>
    public virtual IEnumerable<(string Key, Tensor Value)> Shared(AdapterParts parts, string prefix) => [];

    /// <summary>Called when values have been copied into all that is loaded.</summary>
    public virtual void Loaded(AdapterParts parts) { }

    /// <summary>The name in a file of a parameter that is trained in full.</summary>
    public virtual string TrainedKey(AdapterParts parts, string name) => name;

    /// <summary>A layer's tensors in the file: names below its path, and shapes.</summary>
    public virtual IReadOnlyList<(string Name, long[] Shape)> Entries(AdapterLayer layer) => [.. layer.Adapter.Select(entry => (entry.Name, entry.Value.shape))];

    /// <summary>A layer's tensors in the order of <see cref="Entries"/>; the caller owns them.</summary>
    public virtual IReadOnlyList<Tensor> Write(AdapterLayer layer) => [.. layer.Adapter.Select(entry => entry.Value.detach())];

    /// <summary>The values of a layer's parameters, in their order, from what <see cref="Write"/> has made; the caller owns them.</summary>
    /// <exception cref="LoraException">The layer cannot hold them.</exception>
    public virtual IReadOnlyList<Tensor> Read(string path, AdapterLayer layer, IReadOnlyList<Tensor> stored) => [.. stored.Select(tensor => tensor.alias())];

    /// <summary>What PEFT is told of the model, where it is timm's.</summary>
    private protected static JsonObject? AutoMapping(nn.Module root) => root.GetType().Name == "VisionTransformer"
        ? new() { ["base_model_class"] = "VisionTransformer", ["parent_library"] = "timm.models.vision_transformer" } : null;
}

using MedPeft.Lora.Injection;
using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>The front door: LoRA for any TorchSharp model.</summary>
public static class LoraExtensions
{
    /// <summary>Puts low-rank adapters in the place of a model's linear layers and freezes everything else.</summary>
    /// <remarks>
    /// The model's outputs do not change (a fresh update is zero), nor do the names of its parameters. Every parameter but the adapters' and
    /// those of <see cref="AdapterConfig.Trainable"/> stops receiving gradients. Create optimizers after this call, and after <c>to</c>.
    /// If anything is wrong, nothing has changed.
    /// </remarks>
    /// <param name="model">Any module that has linear layers below it, in fields, properties, arrays, lists, dictionaries, <c>Sequential</c>, <c>ModuleList</c>, <c>ModuleDict</c> or closures.</param>
    /// <param name="config">Which layers, and how.</param>
    /// <returns>The handle: counts, merging, saving, removal.</returns>
    /// <exception cref="LoraException">A name matches nothing, a layer cannot be adapted so, or is adapted already.</exception>
    public static LoraAdapter InjectLora(this nn.Module model, LoraConfig config) => InjectAdapter(model, config);

    /// <summary>As <see cref="InjectLora"/>, for any method: the type of the configuration says which.</summary>
    /// <inheritdoc cref="InjectLora"/>
    public static LoraAdapter InjectAdapter(this nn.Module model, AdapterConfig config)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(config);
        return Injector.Inject(model, config);
    }

    /// <summary>Puts the adapters of a file into a model: the same layers, ranks and modules trained in full, with the file's values.</summary>
    /// <param name="model">A model with the weights that the adapter was trained on.</param>
    /// <param name="path">A file that <see cref="LoraAdapter.Save"/> has written.</param>
    /// <returns>The handle.</returns>
    /// <exception cref="LoraException">The file does not fit the model; the model is then as it was.</exception>
    /// <exception cref="Checkpoints.CheckpointException">It is no valid safetensors file.</exception>
    public static LoraAdapter LoadLora(this nn.Module model, string path)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentException.ThrowIfNullOrEmpty(path);
        var adapter = Injector.Inject(model, AdapterFile.ConfigOf(path));
        try
        {
            adapter.Load(path);
            return adapter;
        }
        catch
        {
            adapter.Remove();
            throw;
        }
    }

    /// <summary>Says what <see cref="InjectLora"/> would do, and changes nothing.</summary>
    /// <param name="model">The model.</param>
    /// <param name="config">Which layers, and how.</param>
    /// <returns>The plan, which prints as a table.</returns>
    /// <exception cref="LoraException">As <see cref="InjectLora"/> would throw.</exception>
    public static LoraPlan PlanLora(this nn.Module model, LoraConfig config) => PlanAdapter(model, config);

    /// <summary>As <see cref="PlanLora"/>, for any method.</summary>
    /// <inheritdoc cref="PlanLora"/>
    public static LoraPlan PlanAdapter(this nn.Module model, AdapterConfig config)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(config);
        return LoraPlan.Of(model, Selection.Of(model, ModuleTree.Read(model), config));
    }
}

using MedPeft.Lora.Injection;
using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>The front door: LoRA for any TorchSharp model.</summary>
public static class LoraExtensions
{
    /// <summary>Puts low-rank adapters in the place of a model's linear layers and freezes everything else.</summary>
    /// <remarks>
    /// The model's outputs do not change (a fresh update is zero), nor do the names of its parameters. Every parameter but the adapters' and
    /// those of <see cref="LoraConfig.Trainable"/> stops receiving gradients. Create optimizers after this call, and after <c>to</c>.
    /// If anything is wrong, nothing has changed.
    /// </remarks>
    /// <param name="model">Any module that has linear layers below it, in fields, properties, arrays, lists, dictionaries, <c>Sequential</c>, <c>ModuleList</c>, <c>ModuleDict</c> or closures.</param>
    /// <param name="config">Which layers, and how.</param>
    /// <returns>The handle: counts, merging, saving, removal.</returns>
    /// <exception cref="LoraException">A name matches nothing, a layer cannot be adapted so, or is adapted already.</exception>
    public static LoraAdapter InjectLora(this nn.Module model, LoraConfig config)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(config);
        return Injector.Inject(model, config);
    }
}

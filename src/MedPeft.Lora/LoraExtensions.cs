using System.Globalization;
using MedPeft.Lora.Checkpoints.Adapters;
using MedPeft.Lora.Injection;
using MedPeft.Lora.Injection.Peft;
using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>The front door: LoRA, and the other methods, for any TorchSharp model.</summary>
public static class LoraExtensions
{
    /// <summary>Puts low-rank adapters beside layers of a model (linear layers, convolutions, embeddings, the projections in TorchSharp's native attention) and freezes everything else.</summary>
    /// <remarks>
    /// The model's outputs do not change (a fresh update is zero), nor do the names of its parameters. Every parameter but the adapters' and
    /// those of <see cref="AdapterConfig.Trainable"/> stops receiving gradients. Create optimizers after this call, and after <c>to</c>.
    /// If anything is wrong, nothing has changed.
    /// </remarks>
    /// <param name="model">Any module that has such layers below it, in fields, properties, arrays, lists, dictionaries, <c>Sequential</c>, <c>ModuleList</c>, <c>ModuleDict</c> or closures.</param>
    /// <param name="config">Which layers, and how.</param>
    /// <param name="name">Name of the adapter. One of a new name comes beside those that are there and is the one in use from here on; see <see cref="Adapters"/>.</param>
    /// <returns>The handle: counts, merging, saving, removal.</returns>
    /// <exception cref="LoraException">A name matches nothing, a layer cannot be adapted so, or is adapted already.</exception>
    public static LoraAdapter InjectLora(this nn.Module model, LoraConfig config, string name = AdapterSet.DefaultName) => InjectAdapter(model, config, name);

    /// <summary>As <see cref="InjectLora(nn.Module, LoraConfig, string)"/>, for any method: the type of the configuration says which.</summary>
    /// <inheritdoc cref="InjectLora(nn.Module, LoraConfig, string)"/>
    /// <example>The baselines go through the same call: <c>model.InjectAdapter(new LinearProbeConfig())</c>, <c>new BitFitConfig { Trainable = ["head"] }</c>, <c>new FullConfig()</c>.</example>
    public static LoraAdapter InjectAdapter(this nn.Module model, AdapterConfig config, string name = AdapterSet.DefaultName)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(config);
        if (config is LoraConfig { Initialization: LoraInitialization.Eva })
            throw new LoraException("Initialization Eva starts from what the layers see: call InjectLora(config, batches) with a few batches of images, or take another Initialization.");
        return Injector.Inject(model, config, name);
    }

    /// <summary>The adapters of a model by name: which are in use, which each sample uses, and new ones made of them.</summary>
    /// <param name="model">The module that the adapters were injected into.</param>
    public static AdapterSet Adapters(this nn.Module model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return AdapterSet.Of(model);
    }

    /// <summary>As <see cref="InjectLora(nn.Module, LoraConfig, string)"/>, with factors and ranks from what the layers see in a few batches: <see cref="LoraInitialization.Eva"/>.</summary>
    /// <remarks>
    /// The batches are run through the model, in evaluation mode, until the directions that each layer's inputs vary in most no longer turn, or to their end. The
    /// sum of the ranks stays that of the configuration; a layer may get up to <paramref name="rho"/> times its rank, or none, and is then left as it is. Its alpha follows its rank, so
    /// that α/r stays. The ranks are in the <see cref="LoraAdapter.Config"/> of the result.
    /// </remarks>
    /// <param name="model">Takes a batch, gives one tensor.</param>
    /// <param name="config">Which layers, and how; with <see cref="LoraInitialization.Eva"/>.</param>
    /// <param name="batches">Inputs of the model on its device; read one by one, and the caller's to dispose.</param>
    /// <param name="rho">How many times its rank a layer may get; at least 1.</param>
    /// <param name="tau">The cosine to the last batch's from which on a direction counts as found; in (0, 1].</param>
    /// <param name="name">Name of the adapter.</param>
    /// <returns>The handle.</returns>
    /// <exception cref="LoraException">As there; or there are no batches, or they do not reach a layer.</exception>
    public static LoraAdapter InjectLora(this nn.Module model, LoraConfig config, IEnumerable<Tensor> batches, double rho = 2, double tau = .99, string name = AdapterSet.DefaultName)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(batches);
        if (!(rho >= 1 && double.IsFinite(rho))) throw new ArgumentOutOfRangeException(nameof(rho), string.Create(CultureInfo.InvariantCulture, $"rho is {rho}; it must be at least 1: the most that a layer's rank may grow by."));
        if (tau is not (> 0 and <= 1)) throw new ArgumentOutOfRangeException(nameof(tau), string.Create(CultureInfo.InvariantCulture, $"tau is {tau}; it is a cosine in (0, 1]."));
        return EvaStart.Inject(model, config, batches, rho, tau, name);
    }

    /// <summary>Puts the low-rank adapters of a folder into a model: the same layers, ranks and modules trained in full, with the folder's values.</summary>
    /// <remarks>The folder is one that <see cref="LoraAdapter.Save"/> has written, or Hugging Face PEFT, of its <c>LORA</c> with rsLoRA and DoRA.</remarks>
    /// <param name="model">A model with the weights that the adapter was trained on.</param>
    /// <param name="folder">A folder with <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>.</param>
    /// <param name="options">What to let pass; null, the default, is nothing.</param>
    /// <param name="name">Its name among the adapters of the model; null, the default, is its name in the folder.</param>
    /// <returns>The handle.</returns>
    /// <exception cref="LoraException">The folder is another method's, or the adapter does not fit the model, its base or the labels; the model is then as it was.</exception>
    /// <exception cref="Checkpoints.CheckpointException">A file is missing or damaged, or the configuration asks for what is not built here.</exception>
    public static LoraAdapter LoadLora(this nn.Module model, string folder, LoadOptions? options = null, string? name = null) =>
        Load(model, folder, options, name, loraOnly: true);

    /// <summary>As <see cref="LoadLora"/>, for any method: the folder says which.</summary>
    /// <remarks>The folder is one that <see cref="LoraAdapter.Save"/> has written, of any method, or Hugging Face PEFT, of its <c>LORA</c>, <c>VERA</c>, <c>IA3</c>, <c>ADALORA</c> or <c>LN_TUNING</c>.</remarks>
    /// <inheritdoc cref="LoadLora"/>
    public static LoraAdapter LoadAdapter(this nn.Module model, string folder, LoadOptions? options = null, string? name = null) => Load(model, folder, options, name, loraOnly: false);

    /// <summary>Says what <see cref="InjectLora(nn.Module, LoraConfig, string)"/> would do, and changes nothing.</summary>
    /// <param name="model">The model.</param>
    /// <param name="config">Which layers, and how.</param>
    /// <returns>The plan, which prints as a table.</returns>
    /// <exception cref="LoraException">As <see cref="InjectLora(nn.Module, LoraConfig, string)"/> would throw.</exception>
    public static LoraPlan PlanLora(this nn.Module model, LoraConfig config) => PlanAdapter(model, config);

    /// <summary>As <see cref="PlanLora"/>, for any method.</summary>
    /// <param name="model">The model.</param>
    /// <param name="config">The method, which layers, and how.</param>
    /// <returns>The plan, which prints as a table.</returns>
    /// <exception cref="LoraException">As <see cref="InjectAdapter"/> would throw.</exception>
    public static LoraPlan PlanAdapter(this nn.Module model, AdapterConfig config)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(config);
        return LoraPlan.Of(model, Selection.Of(model, ModuleTree.Read(model), config));
    }

    private static LoraAdapter Load(nn.Module model, string folder, LoadOptions? options, string? name, bool loraOnly)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentException.ThrowIfNullOrEmpty(folder);
        options ??= new LoadOptions();
        var config = AdapterStore.ConfigOf(AdapterFolder.Of(folder, options.Name), model);
        if (loraOnly && config is not LoraConfig)
            throw new LoraException($"'{folder}' holds an adapter of another method, of {config.GetType().Name}. Load it by LoadAdapter, which takes every method.");
        var adapter = Injector.Inject(model, config, name ?? options.Name);
        try
        {
            adapter.Load(folder, options);
            return adapter;
        }
        catch
        {
            adapter.Remove();
            throw;
        }
    }
}

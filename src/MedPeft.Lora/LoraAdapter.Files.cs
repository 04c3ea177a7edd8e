using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Checkpoints.Adapters;
using MedPeft.Lora.Injection.Peft;

namespace MedPeft.Lora;

public sealed partial class LoraAdapter
{
    /// <summary>The labels that the model is trained to score, in order: saved with the adapter, and compared when it is loaded. Null, the default, is none.</summary>
    public IReadOnlyList<string>? Labels { get; set; }

    /// <summary>Writes the adapters, and what is trained in full, to a folder that Hugging Face PEFT opens: <c>adapter_model.safetensors</c> and <c>adapter_config.json</c>.</summary>
    /// <remarks>
    /// A third file, <c>medpeft_config.json</c>, has the configuration in this library's terms, <see cref="Labels"/>, and a fingerprint of the frozen weights.
    /// Updates of single blocks of a fused qkv are written as plain LoRA of twice (or three times) the rank and alpha with zeros elsewhere, which is the same update;
    /// loading makes them small again. Running statistics of normalisations, which move in training even where weights are frozen, are saved as well.
    /// The files are read back before they count, and they replace older ones all at once: a crash or a full disk leaves the old adapter whole.
    /// Where PEFT could not hold the adapter (<see cref="PeftObstacles"/>), the folder is for this library only and PEFT refuses it by its <c>peft_type</c>.
    /// </remarks>
    /// <param name="folder">Destination; made if it is not there. Other files in it are left alone.</param>
    /// <param name="name">Name of the adapter: one that is not <c>default</c> goes to a folder of its name in there, as PEFT has it.</param>
    /// <exception cref="LoraException">Passes have bypassed an adapter.</exception>
    /// <exception cref="CheckpointException">The files cannot be written.</exception>
    /// <exception cref="ArgumentException">The name cannot be a folder's.</exception>
    public void Save(string folder, string name = AdapterFolder.DefaultName)
    {
        DemandReached();
        if (name != AdapterFolder.DefaultName && AdapterFolder.Of(folder, name) is var _) MakeFolder(folder);
        AdapterStore.Save(AdapterFolder.Of(folder, name), Parts(), Labels);
    }

    /// <summary>Reads a folder that <see cref="Save"/> or PEFT has written into this model's adapters, or the weights of a loralib model.</summary>
    /// <remarks>
    /// A file instead of a folder is read as a state dict of loralib or of the code of Lian et al. (<c>qkv.lora_A</c>), in safetensors or as .pth. It says nothing about
    /// rank, alpha or blocks: those of <see cref="Config"/> count. Weights of the base in it must be this model's, or this model's with the update added.
    /// </remarks>
    /// <param name="path">The folder or the file.</param>
    /// <param name="options">What to let pass; null, the default, is nothing.</param>
    /// <exception cref="LoraException">It does not fit: names, shapes, rank, alpha, blocks, base or labels. Nothing has changed then. Or the adapter is merged.</exception>
    /// <exception cref="CheckpointException">A file is missing or damaged, or the configuration asks for what is not built here.</exception>
    public void Load(string path, LoadOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        DemandNotMerged("loading");
        options ??= new LoadOptions();
        if (File.Exists(path)) LoraStateFile.Load(path, Parts(), options);
        else Labels = AdapterStore.Load(AdapterFolder.Of(path, options.Name), Parts(), options, options.Labels ?? Labels) ?? options.Labels ?? Labels;
    }

    /// <summary>What keeps Hugging Face PEFT from computing what this adapter does, each in a sentence; empty where it opens the folder.</summary>
    public IReadOnlyList<string> PeftObstacles() => [.. PeftForm.Of(Config).Obstacles(Parts())];

    /// <summary>Writes the plain model with the updates added to its weights, as one safetensors file without adapters; the model itself stays as it is.</summary>
    /// <remarks>A vision transformer is written under the names of timm and MAE: <c>VisionTransformer.FromCheckpoint</c> and timm load it.</remarks>
    /// <param name="path">Destination; replaced if it exists.</param>
    /// <exception cref="LoraException">A weight is shared with another layer, or passes have bypassed an adapter.</exception>
    /// <exception cref="CheckpointException">The file cannot be written.</exception>
    public void SaveMerged(string path)
    {
        var before = Merged;
        if (!before) Merge();
        try
        {
            StateDictFile.Write(path, _model, Parts().Plain());
        }
        finally
        {
            if (!before && Merged) Unmerge();
        }
    }

    private AdapterParts Parts() => new(Present()._model, Config, _selection, _layers, _set.StateOf(Name));

    private static void MakeFolder(string folder)
    {
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException(folder, "the folder cannot be made. Choose a place where you may write.", innerException: error);
        }
    }
}

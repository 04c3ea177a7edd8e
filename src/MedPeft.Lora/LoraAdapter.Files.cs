using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Injection;
using static TorchSharp.torch;

namespace MedPeft.Lora;

public sealed partial class LoraAdapter
{
    /// <summary>Writes the adapters, and what is trained in full, to one safetensors file; it appears whole or not at all.</summary>
    /// <param name="path">Destination; replaced if it exists.</param>
    /// <exception cref="LoraException">Passes have bypassed an adapter.</exception>
    /// <exception cref="CheckpointException">The file cannot be written.</exception>
    public void Save(string path)
    {
        DemandReached();
        AdapterFile.Write(path, Saved(), (LoraConfig)Config, Layers);
    }

    /// <summary>Reads what <see cref="Save"/> has written into this model's adapters.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="LoraException">It does not fit: names, shapes, rank, alpha or blocks. Nothing has changed then. Or the adapter is merged.</exception>
    /// <exception cref="CheckpointException">It is no valid safetensors file.</exception>
    public void Load(string path)
    {
        DemandNotMerged("loading");
        AdapterFile.ReadInto(path, Saved().ToDictionary(), (LoraConfig)Config, Layers);
    }

    /// <summary>What a file holds: the adapters, then the parameters and buffers that are trained in full, in the order of the model.</summary>
    private IEnumerable<KeyValuePair<string, Tensor>> Saved()
    {
        foreach (var (path, layer) in Present()._layers)
            foreach (var (name, parameter) in layer.Adapter)
                yield return new($"{path}.{name}", parameter);
        foreach (var (name, tensor) in _model.state_dict())
            if (_selection.IsTrained(name))
                yield return new(name, tensor);
    }
}

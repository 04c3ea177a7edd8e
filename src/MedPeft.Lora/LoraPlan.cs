using MedPeft.Lora.Injection;
using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>What an injection would do; see <see cref="LoraExtensions.PlanLora"/>.</summary>
public sealed record LoraPlan
{
    private const int Copies = 3; // of each trained parameter: its gradient and the two moments of AdamW

    private LoraPlan(IReadOnlyList<LoraLayerInfo> layers, IReadOnlyList<string> trainedInFull, ParameterCount parameters, long before) =>
        (Layers, TrainedInFull, Parameters, FullFineTuningBytes) = (layers, trainedInFull, parameters, Copies * before);

    /// <summary>The layers that would be adapted, in the order of the model.</summary>
    public IReadOnlyList<LoraLayerInfo> Layers { get; }

    /// <summary>The modules and single parameters that would be trained in full.</summary>
    public IReadOnlyList<string> TrainedInFull { get; }

    /// <summary>How many parameters would be trained, and how many the model would have.</summary>
    public ParameterCount Parameters { get; }

    /// <summary>Bytes for the gradients and AdamW's two moments. Activations, which depend on the batch, come on top.</summary>
    public long TrainingBytes => Copies * Parameters.TrainedBytes;

    /// <summary>The same for training every parameter of the model as it is.</summary>
    public long FullFineTuningBytes { get; }

    /// <summary>A table of the layers, the modules trained in full, the counts and the memory.</summary>
    public override string ToString() => (Layers.Count == 0 ? "" : TextTable.Of(["layer", "kind", "rank", "alpha", "parameters"], Layers.Select(TextTable.Cells)))
        + (TrainedInFull.Count == 0 ? "" : $"in full: {string.Join(", ", Names.Kinds(TrainedInFull))}\n")
        + $"{Parameters}\ngradients and AdamW state: {TextTable.Bytes(TrainingBytes)} (full fine-tuning: {TextTable.Bytes(FullFineTuningBytes)})\n";

    internal static LoraPlan Of(nn.Module root, Selection selection)
    {
        long total = 0, bytes = 0, trained = 0, trainedBytes = 0;
        var inFull = selection.TrainedModules.SelectMany(path => ModuleTree.Read(root).First(node => node.Path == path).Module.parameters())
            .Concat(selection.TrainedParameters.Select(root.get_parameter).OfType<TorchSharp.Modules.Parameter>()).Select(parameter => parameter.Handle).ToHashSet();
        foreach (var (_, parameter) in root.named_parameters())
        {
            var (count, size) = (parameter.numel(), parameter.numel() * parameter.element_size());
            (total, bytes) = (total + count, bytes + size);
            if (inFull.Contains(parameter.Handle)) (trained, trainedBytes) = (trained + count, trainedBytes + size);
        }
        var layers = selection.Layers.Select(entry => (Info: entry.Config.Info(entry.Path, entry.Layer), Size: entry.Layer.parameters().First().dtype == ScalarType.Float64 ? 8 : 4)).ToList();
        var (added, addedBytes) = (layers.Sum(layer => layer.Info.Parameters), layers.Sum(layer => layer.Info.Parameters * layer.Size));
        var (learned, learnedBytes) = (layers.Sum(layer => layer.Info.Trained), layers.Sum(layer => layer.Info.Trained * layer.Size));
        return new LoraPlan([.. layers.Select(layer => layer.Info)], [.. selection.TrainedModules, .. selection.TrainedParameters],
            new ParameterCount(trained + learned, total + added, trainedBytes + learnedBytes, bytes + addedBytes), bytes);
    }
}

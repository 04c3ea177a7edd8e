using MedPeft.Lora.Common;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Training;

/// <summary>
/// <see cref="ReferenceDefects.MergeWhenScoring"/>: adds the updates to the frozen weights in float32 and takes them off again, which does not give back
/// what was there. For reproducing the published runs only.
/// </summary>
internal sealed class DriftingMerge : IDisposable
{
    private readonly List<(AdapterLayer Layer, Parameter Weight)> _merged = [];

    private DriftingMerge(nn.Module model)
    {
        foreach (var layer in model.modules().OfType<AdapterLayer>())
            if (layer is { Merged: false, Enabled: true, Base: Linear linear }) _merged.Add((layer, linear.weight));
        Add(1);
        foreach (var (layer, _) in _merged) layer.Enabled = false;
    }

    public static DriftingMerge? Of(nn.Module model, TrainingOptions options) =>
        options.Defects.HasFlag(ReferenceDefects.MergeWhenScoring) ? new DriftingMerge(model) : null;

    public void Dispose()
    {
        Add(-1);
        foreach (var (layer, _) in _merged) layer.Enabled = true;
    }

    private void Add(double sign)
    {
        using var guard = no_grad();
        foreach (var (layer, weight) in _merged)
        {
            using var delta = layer.Delta();
            using var update = delta.to(weight.dtype);
            weight.PlusInPlace(update, sign);
        }
    }
}

using static TorchSharp.torch;

namespace MedPeft.Lora.Training;

/// <summary>A copy of what a run changes in a model: the trained parameters and the buffers.</summary>
internal sealed class Snapshot : IDisposable
{
    public Snapshot(nn.Module model)
    {
        using var guard = no_grad();
        Values = [.. Live(model).Select(entry => (entry.Name, entry.Values.clone().DetachFromDisposeScope()))];
    }

    /// <summary>The copies by name; they stay the snapshot's.</summary>
    public IReadOnlyList<(string Name, Tensor Values)> Values { get; }

    public void Restore(nn.Module model)
    {
        using var guard = no_grad();
        var live = Live(model).ToDictionary(entry => entry.Name, entry => entry.Values);
        foreach (var (name, values) in Values) live[name].copy_(values);
    }

    public void Dispose()
    {
        foreach (var (_, values) in Values) values.Dispose();
    }

    /// <summary>What a run changes, itself and not a copy.</summary>
    public static IEnumerable<(string Name, Tensor Values)> Live(nn.Module model) =>
        ParameterGroup.Trained(model).Select(entry => (entry.Name, (Tensor)entry.Parameter))
            .Concat(model.named_buffers().Select(entry => (entry.name, entry.buffer)));
}

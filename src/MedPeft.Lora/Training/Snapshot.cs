using static TorchSharp.torch;

namespace MedPeft.Lora.Training;

/// <summary>A copy of what a run changes in a model: the trained parameters and the buffers.</summary>
internal sealed class Snapshot : IDisposable
{
    private readonly List<(string Name, Tensor Values)> _copies;

    public Snapshot(nn.Module model)
    {
        using var guard = no_grad();
        _copies = [.. Live(model).Select(entry => (entry.Name, entry.Live.clone().DetachFromDisposeScope()))];
    }

    public void Restore(nn.Module model)
    {
        using var guard = no_grad();
        var live = Live(model).ToDictionary(entry => entry.Name, entry => entry.Live);
        foreach (var (name, values) in _copies) live[name].copy_(values);
    }

    public void Dispose()
    {
        foreach (var (_, values) in _copies) values.Dispose();
    }

    private static IEnumerable<(string Name, Tensor Live)> Live(nn.Module model) =>
        ParameterGroup.Trained(model).Select(entry => (entry.Name, (Tensor)entry.Parameter))
            .Concat(model.named_buffers().Select(entry => (entry.name, entry.buffer)));
}

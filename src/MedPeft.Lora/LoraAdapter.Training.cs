using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace MedPeft.Lora;

public sealed partial class LoraAdapter : ITrainingStepObserver
{
    private static readonly ConditionalWeakTable<nn.Module, List<LoraAdapter>> Injected = [];

    private ITrainingStepObserver? _observer;

    /// <summary>The adapters in a model, in the order they were injected in: what a training loop has to tell of its steps.</summary>
    internal static IReadOnlyList<LoraAdapter> Of(nn.Module model) => Injected.TryGetValue(model, out var adapters) ? adapters : [];

    /// <inheritdoc/>
    /// <remarks>The orthogonality of AdaLoRA; other methods have none.</remarks>
    public Tensor? Penalty() => Observer?.Penalty();

    /// <inheritdoc/>
    /// <remarks>Cuts the ranks of AdaLoRA; other methods do nothing.</remarks>
    public void AfterStep(long step, long steps)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(step);
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, step);
        Observer?.AfterStep(step, steps);
    }

    private ITrainingStepObserver? Observer => Present()._observer ??= Config.Observer([.. _layers.Select(entry => entry.Layer)]);

    private void Register() => Injected.GetValue(_model, _ => []).Add(this);

    private void Unregister()
    {
        if (Injected.TryGetValue(_model, out var adapters)) adapters.Remove(this);
    }
}

using MedPeft.Lora.Injection;
using static TorchSharp.torch;

namespace MedPeft.Lora;

public sealed partial class LoraAdapter : ITrainingStepObserver
{
    private ITrainingStepObserver? _observer;

    /// <summary>The adapters in a model and in its parts, each part's in the order they were injected in: what a training loop has to tell of its steps.</summary>
    internal static IReadOnlyList<LoraAdapter> Of(nn.Module model) =>
        [.. ModuleTree.Read(model).Select(node => node.Module is AdapterLayer adapted ? adapted.Base : node.Module).Prepend(model).Distinct(ReferenceEqualityComparer.Instance)
            .SelectMany(module => AdapterSet.HandlesOf((nn.Module)module!))];

    /// <summary>Those of them that are in use and have something to do with the steps of training.</summary>
    internal static IEnumerable<LoraAdapter> Observing(nn.Module model) => Of(model).Where(adapter => adapter.InUse && adapter.Observer is not null);

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

    /// <summary>What <see cref="AfterStep"/> remembers from step to step, for the checkpoint of a run: written back, the run goes on as if it had never stopped. Empty for most methods.</summary>
    /// <returns>The tensors themselves, by names that are theirs alone in the model.</returns>
    internal IReadOnlyList<(string Name, Tensor Value)> ScheduleState() =>
        [.. Present()._layers.Where(entry => entry.Layer is AdaLoraLinear).SelectMany(entry => ((AdaLoraLinear)entry.Layer).ScheduleState().Select(state => ($"{entry.Path}.{state.Name}", state.Value)))];

    private ITrainingStepObserver? Observer => Present()._observer ??= Config.Observer([.. _layers.Select(entry => entry.Layer)]);
}

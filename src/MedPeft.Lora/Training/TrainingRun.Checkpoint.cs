using static TorchSharp.torch;

namespace MedPeft.Lora.Training;

internal sealed partial class TrainingRun
{
    private int _savedAt;

    private bool IsDue() =>
        (_options.CheckpointSteps > 0 && _optimizer.Steps - _savedAt >= _options.CheckpointSteps) || _sinceSaved.Elapsed >= _options.CheckpointInterval;

    private void Save()
    {
        if (_folder is null) return;
        var state = _state with
        {
            Steps = _optimizer.Steps,
            Seconds = Elapsed.TotalSeconds,
            MicroBatch = Step.MicroBatch,
            LossScale = Step.Scaler?.Scale,
            LossScaleGrowth = Step.Scaler?.Growth ?? 0,
            Skipped = [.. _loader.Skipped],
        };
        using var scope = NewDisposeScope();
        _folder.Save(state, _identity, [.. Live().Select(entry => KeyValuePair.Create(entry.Name, entry.Values))]);
        _savedAt = _optimizer.Steps;
        _sinceSaved.Restart();
    }

    private void Resume(RunCheckpoint.Content saved)
    {
        RunIdentity.Compare(_folder!.Name, saved.Identity, _identity);
        var tensors = saved.Tensors.ToDictionary(entry => entry.Key, entry => entry.Value);
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        if (tensors.Keys.Any(name => name.StartsWith("best/", StringComparison.Ordinal))) _best = new Snapshot(_model);
        foreach (var (name, values) in Live())
        {
            if (!tensors.TryGetValue(name, out var stored) || !stored.shape.SequenceEqual(values.shape))
                throw new TrainingException($"The run in '{_folder.Name}' cannot go on: its checkpoint has no '{name}' of the model's shape. Choose another RunFolder to start anew.");
            values.copy_(stored);
        }

        _state = saved.State;
        _optimizer.Resume(_state.Steps);
        _savedAt = _state.Steps;
        Step.MicroBatch = _state.MicroBatch;
        if (Step.Scaler is not null && _state.LossScale is { } scale) Step.Scaler = new LossScaler(scale, _state.LossScaleGrowth);
        _loader.Remember(_state.Skipped);
        Resumed = true;
        LogResumed(_state.Epoch, _state.Batch, _state.Steps);
    }

    /// <summary>All tensors that the run's future depends on, themselves and not copies.</summary>
    private IEnumerable<(string Name, Tensor Values)> Live() =>
    [
        .. Snapshot.Live(_model).Select(entry => ($"model/{entry.Name}", entry.Values)),
        .. _optimizer.State().Select(entry => ($"optimizer/{entry.Name}", entry.View)),
        .. (_average?.State() ?? []).Select(entry => ($"average/{entry.Name}", entry.View)),
        .. LoraAdapter.Observing(_model).SelectMany(adapter => adapter.ScheduleState().Select(entry => ($"schedule/{adapter.Name}/{entry.Name}", entry.Value))),
        .. (_best?.Values ?? []).Select(entry => ($"best/{entry.Name}", entry.Values)),
    ];
}

using System.Diagnostics;

namespace MedPeft.Lora.Training;

/// <summary>Tells progress and observers where a run is, with what can be said of its speed.</summary>
internal sealed class RunReport(TrainingOptions options, IProgress<TrainingProgress>? progress)
{
    private readonly PeakMemory _memory = new();
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private int _steps;
    private double _start = -1;

    public long PeakMemory => _memory.Bytes;

    /// <summary>A run begins or goes on.</summary>
    public void Begin(RunState state, int steps)
    {
        _steps = steps;
        _start = (state.Epoch - 1 + .9 * state.Batch / Math.Max(1, steps)) / options.Epochs;
        _clock.Restart();
    }

    public void Step(RunState state, double loss, double norm) => Tell(new TrainingProgress(
        TrainingPhase.Training, state.Epoch, options.Epochs, state.Batch, _steps, loss, state.Rate, state.Images / state.LearningSeconds)
    {
        GradientNorm = norm,
        DataWait = state.WaitingSeconds / state.LearningSeconds,
    });

    public void Scored(int epoch, int step, int steps, double imagesPerSecond) =>
        Tell(new TrainingProgress(TrainingPhase.Validation, epoch, options.Epochs, step, steps, null, null, imagesPerSecond));

    public void Prepared(int epoch, int image, int images, double imagesPerSecond) =>
        Tell(new TrainingProgress(TrainingPhase.Preparation, epoch, options.Epochs, image, images, null, null, imagesPerSecond));

    public void Epoch(EpochResult result)
    {
        foreach (var observer in options.Observers) observer.OnEpoch(result);
    }

    private void Tell(TrainingProgress told)
    {
        var done = told.Fraction;
        told = told with
        {
            TimeLeft = _start >= 0 && done > _start ? _clock.Elapsed * ((1 - done) / (done - _start)) : null,
            PeakMemoryBytes = _memory.Bytes,
        };
        progress?.Report(told);
        foreach (var observer in options.Observers) observer.OnProgress(told);
    }
}

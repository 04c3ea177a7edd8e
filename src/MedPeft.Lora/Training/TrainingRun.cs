using System.Diagnostics;
using MedPeft.Lora.Common;
using MedPeft.Lora.Data;
using MedPeft.Lora.Metrics;
using Microsoft.Extensions.Logging;
using static TorchSharp.torch;

namespace MedPeft.Lora.Training;

/// <summary>A run from its first step, or from its last checkpoint, to its end.</summary>
internal sealed partial class TrainingRun : IDisposable
{
    private readonly nn.Module<Tensor, Tensor> _model;
    private readonly CachedBatches? _cached;
    private readonly ImageDataset _images;
    private readonly TrainingOptions _options;
    private readonly ILogger _logger;
    private readonly RunReport _report;
    private readonly ImageLoader _loader;
    private readonly Optimizer _optimizer;
    private readonly MovingAverage? _average;
    private readonly RandomStreams _randomness;
    private readonly RunFolder? _folder;
    private readonly IReadOnlyDictionary<string, string> _identity;
    private readonly Stopwatch _clock = Stopwatch.StartNew(), _sinceSaved = Stopwatch.StartNew();
    private RunState _state;
    private Snapshot? _best;

    public TrainingRun(
        nn.Module<Tensor, Tensor> model, ImageDataset images, Objective objective, TrainingOptions options, Device device, ILogger logger, RunReport report, RunFolder? folder,
        IReadOnlyDictionary<string, string> identity, FrozenPrefix? prefix = null)
    {
        (_model, _images, _options, _logger, _report, _folder, _identity) = (model, images, options, logger, report, folder, identity);
        _loader = new ImageLoader(images, options.Training, new ImageLoaderOptions
        {
            BatchSize = Math.Min(options.BatchSize, images.Count),
            Shuffle = true,
            DropLast = options.DropLast,
            Seed = options.Seed,
            Threads = options.LoaderThreads,
            OnBadImage = options.OnBadImage,
            Read = options.Read,
        });
        if (prefix is not null) _cached = new CachedBatches(prefix, images, _loader, options, device);
        var groups = ParameterGroup.Of(model, options);
        TrainedParameters = groups.Sum(group => group.Parameters.Sum(entry => entry.Parameter.numel()));
        _optimizer = Optimizer.For(groups, options);
        if (options.EmaDecay > 0) _average = new MovingAverage(_optimizer.Units, options.EmaDecay);
        _randomness = new RandomStreams(options.Seed);
        Step = new GradientStep(model, objective, _optimizer, _average, options, device) { Halved = rows => LogHalved(rows) };
        _state = new RunState { MicroBatch = Step.MicroBatch };
        if (folder?.Latest() is not { } saved) return;
        using (saved) Resume(saved);
    }

    /// <summary>Numbers that the run trains.</summary>
    public long TrainedParameters { get; }

    public int StepsPerEpoch => _loader.BatchesPerEpoch;

    public bool Resumed { get; private set; }

    public GradientStep Step { get; }

    public RunState State => _state;

    public IReadOnlyList<SkippedImage> Skipped => _loader.Skipped;

    public TimeSpan Elapsed => TimeSpan.FromSeconds(_state.Seconds) + _clock.Elapsed;

    /// <summary>Goes on to the end.</summary>
    /// <param name="score">Scores the model after an epoch; null when it was cancelled. A null function does not score.</param>
    /// <param name="cancellationToken">Stops after the step at hand.</param>
    /// <returns>Whether the end was reached; the model then has the weights that the options want.</returns>
    public bool Go(Func<int, AurocReport?>? score, CancellationToken cancellationToken)
    {
        var goesOn = _state.Finished || Prepare(cancellationToken);
        _report.Begin(_state, StepsPerEpoch);
        while (goesOn && !_state.Finished)
        {
            goesOn = Learn(cancellationToken) && Conclude(score);
            Save();
        }

        UseBest();
        return goesOn;
    }

    public void Dispose()
    {
        _best?.Dispose();
        _optimizer.ClearGradients();
        _optimizer.Dispose();
        _average?.Dispose();
        _randomness.Dispose();
        _cached?.Dispose();
        _loader.Dispose();
        _model.eval();
        NativeHeap.Trim();
    }

    private bool Prepare(CancellationToken cancellationToken)
    {
        if (_cached is null) return true;
        try
        {
            var began = Stopwatch.GetTimestamp();
            var computed = _cached.Fill(_model, (image, of, speed) => _report.Prepared(_state.Epoch, image, of, speed), cancellationToken);
            var (images, bytes) = _cached.Kept;
            LogFilled(computed, images - computed, images * bytes, Stopwatch.GetElapsedTime(began).TotalSeconds);
            return true;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    private bool Learn(CancellationToken cancellationToken)
    {
        _model.train();
        try
        {
            using var batches = (_cached?.EpochFrom(_state.Epoch, _state.Batch, cancellationToken) ?? _loader.EpochFrom(_state.Epoch, _state.Batch, cancellationToken)).GetEnumerator();
            while (true)
            {
                var began = Stopwatch.GetTimestamp();
                if (!batches.MoveNext()) break;
                _state.WaitingSeconds += Stopwatch.GetElapsedTime(began).TotalSeconds;
                var (number, batch) = batches.Current;
                using (batch) LearnFrom(batch, number, began);
                if (cancellationToken.IsCancellationRequested) return false;
                if (_folder is not null && IsDue()) Save();
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return false;
        }

        _state.Batch = StepsPerEpoch;
        return true;
    }

    private void LearnFrom(ImageBatch batch, int number, long began)
    {
        var place = _state.Epoch - 1 + (double)number / StepsPerEpoch;
        var rate = LearningRate.WarmupCosine(place, _options.Epochs, _options.Warmup, _options.LearningRate, _options.MinLearningRate);
        double? mixed = _options.Mixup > 0 ? Mixup.Share(_options.Mixup, _options.Seed, _state.Epoch, number) : null;
        var before = (long)(_state.Epoch - 1) * StepsPerEpoch + number;
        var (loss, norm) = Step.Take(batch, rate, mixed, before + 1, (long)_options.Epochs * StepsPerEpoch, () => _randomness.Begin(before));
        if (!double.IsFinite(loss) || !double.IsFinite(norm)) throw Broken(batch, number, rate, loss);
        _state.Batch = number + 1;
        _state.Rate = rate;
        _state.LossSum += loss;
        _state.LossCount++;
        _state.Images += batch.Count;
        _state.LearningSeconds += Stopwatch.GetElapsedTime(began).TotalSeconds;
        _report.Step(_state, loss, norm);
    }

    private bool Conclude(Func<int, AurocReport?>? score)
    {
        AurocReport? auroc = null;
        _average?.Swap();
        try
        {
            if (score is not null && (auroc = score(_state.Epoch)) is null) return false;
            if (score is not null) Keep(auroc!.Macro);
        }
        finally
        {
            _average?.Swap();
        }

        var speed = _state.LearningSeconds > 0 ? _state.Images / _state.LearningSeconds : 0;
        var wait = _state.LearningSeconds > 0 ? _state.WaitingSeconds / _state.LearningSeconds : 0;
        var ended = new EpochState(_state.Epoch, _state.LossSum / _state.LossCount, _state.Rate, auroc?.PerLabel, speed, Elapsed.TotalSeconds, wait, _report.PeakMemory);
        _state.Epochs.Add(ended);
        LogEpoch(ended.Epoch, ended.Loss, ended.Rate, auroc?.Macro, auroc?.Scored, speed, wait);
        _report.Epoch(ended.Result);
        _state.StoppedEarly = score is not null && _options.Patience > 0 && _state.SinceBest >= _options.Patience && _state.Epoch < _options.Epochs;
        if (_state.StoppedEarly) LogEarly(_state.Epoch, _options.Patience);
        _state.Finished = _state.StoppedEarly || _state.Epoch >= _options.Epochs;
        (_state.Epoch, _state.Batch, _state.LossSum, _state.LossCount, _state.Images, _state.LearningSeconds, _state.WaitingSeconds) = (_state.Epoch + 1, 0, 0, 0, 0, 0, 0);
        return true;
    }

    private void Keep(double macro)
    {
        if (_state.BestScore is { } best && !(macro > best))
        {
            _state.SinceBest++;
            return;
        }

        // A macro AUROC that is no number, since no label has both classes, is beaten by any.
        (_state.BestScore, _state.SinceBest) = (double.IsNaN(macro) ? double.NegativeInfinity : macro, 0);
        if (!_options.KeepBest) return;
        _best?.Dispose();
        _best = new Snapshot(_model);
    }

    private void UseBest()
    {
        if (_best is not null) _best.Restore(_model);
        else _average?.Swap();
    }

    private TrainingException Broken(ImageBatch batch, int number, double rate, double loss)
    {
        var what = double.IsFinite(loss) ? "The gradient is no longer finite" : FormattableString.Invariant($"The loss became {(float)loss}");
        return new TrainingException(
            FormattableString.Invariant($"{what} in epoch {_state.Epoch}, step {number + 1} of {StepsPerEpoch}, at a learning rate of {rate:G3}. Lower LearningRate or lengthen WarmupEpochs."))
        {
            BatchFiles = RelativePaths.Of(_images, batch.Indices),
        };
    }

    [LoggerMessage(2, LogLevel.Information, "Epoch {Epoch}: loss {Loss:F4}, learning rate {Rate:G3}, macro AUROC {Auroc:F4} over {Scored} labels, {Speed:F1} images/s, {Wait:P0} of the time waiting for images")]
    private partial void LogEpoch(int epoch, double loss, double rate, double? auroc, int? scored, double speed, double wait);

    [LoggerMessage(5, LogLevel.Information, "Going on from a checkpoint: epoch {Epoch}, batch {Batch}, step {Step}")]
    private partial void LogResumed(int epoch, int batch, int step);

    [LoggerMessage(6, LogLevel.Warning, "Memory ran out; from here on {Rows} images go through the model at once, the effective batch stays")]
    private partial void LogHalved(int rows);

    [LoggerMessage(10, LogLevel.Information, "Frozen prefix: {Computed} images computed, {Kept} were there, {Bytes} bytes in all, {Seconds:F1} s")]
    private partial void LogFilled(int computed, int kept, long bytes, double seconds);

    [LoggerMessage(7, LogLevel.Information, "Stopped after epoch {Epoch}: {Patience} epochs in a row without a better macro AUROC")]
    private partial void LogEarly(int epoch, int patience);
}

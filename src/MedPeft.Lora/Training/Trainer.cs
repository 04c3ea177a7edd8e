using System.Diagnostics;
using MedPeft.Lora.Data;
using MedPeft.Lora.Metrics;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using TorchSharp;
using static TorchSharp.torch;

namespace MedPeft.Lora.Training;

/// <summary>
/// Fine-tunes a model on labelled radiographs by binary cross-entropy over its K findings. Which parameters train is the model's own affair:
/// those that require gradients. So adapters, full fine-tuning and a linear probe go through the same call.
/// </summary>
public sealed partial class Trainer
{
    private readonly TrainingOptions _options;
    private readonly ILogger _logger;
    private readonly Device _device;

    /// <summary>Makes a trainer.</summary>
    /// <param name="options">How it trains.</param>
    /// <param name="logger">Hears of every epoch; counts and scores only, never a path or a patient.</param>
    public Trainer(TrainingOptions options, ILogger? logger = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        _logger = logger ?? NullLogger.Instance;
        _device = torch.device(options.Device);
    }

    /// <summary>Trains a model and scores it on the validation images after every epoch.</summary>
    /// <param name="model">Takes images [B, 3, S, S] and returns logits [B, K]; it is moved to <see cref="TrainingOptions.Device"/> and left there, in eval mode.</param>
    /// <param name="train">What it learns from.</param>
    /// <param name="validation">What picks the best epoch; the same labels in the same order.</param>
    /// <param name="progress">Told of every step.</param>
    /// <param name="cancellation">Stops the run after the step at hand; what was finished is returned.</param>
    /// <returns>Every finished epoch; the model has the weights of the best one (<see cref="TrainingOptions.KeepBest"/>).</returns>
    /// <exception cref="TrainingException">Model, data and options do not fit, or the loss is no longer a number.</exception>
    /// <exception cref="Imaging.ImageException">An image cannot be read.</exception>
    public TrainingResult Fit(
        nn.Module<Tensor, Tensor> model, ImageDataset train, ImageDataset validation, IProgress<TrainingProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(validation);
        CheckData(train, validation);
        model.to(_device);
        CheckOutputs(model, train);

        using var loader = TrainingLoader(train);
        var groups = ParameterGroup.Of(model, _options);
        var trained = groups.Sum(group => group.Parameters.Sum(entry => entry.Parameter.numel()));
        LogStart(train.Count, validation.Count, trained, _options.Epochs, loader.BatchesPerEpoch);
        using var optimizer = Optimizer.For(groups, _options);
        using var randomness = new RandomStreams(_options.Seed);
        Snapshot? best = null;
        var (epochs, bestScore, cancelled, clock) = (new List<EpochResult>(), double.NegativeInfinity, false, Stopwatch.StartNew());
        try
        {
            for (var epoch = 1; epoch <= _options.Epochs; epoch++)
            {
                var learned = Learn(model, LossOf, loader, optimizer, randomness, epoch, progress, cancellation);
                if (learned is null || Score(model, validation, epoch, progress, cancellation) is not { } auroc)
                {
                    cancelled = true;
                    break;
                }

                var result = new EpochResult(epoch, learned.Value.Loss, learned.Value.Rate, auroc, learned.Value.ImagesPerSecond, clock.Elapsed);
                epochs.Add(result);
                LogEpoch(epoch, result.TrainingLoss, result.LearningRate, auroc.Macro, auroc.Scored, result.ImagesPerSecond);
                if (_options.KeepBest && (best is null || auroc.Macro > bestScore))
                {
                    best?.Dispose();
                    best = new Snapshot(model);
                    bestScore = auroc.Macro;
                }
            }

            best?.Restore(model);
        }
        finally
        {
            best?.Dispose();
            optimizer.ClearGradients();
            model.eval();
        }

        return new TrainingResult(epochs, trained, cancelled, clock.Elapsed);

        Tensor LossOf(ImageBatch batch) => MaskedLoss.Of(model.call(batch.Images.to(_device)), batch.Labels.to(_device));
    }

    /// <summary>Pre-trains a model that returns its own loss, such as <c>MaskedAutoencoder</c>, on images whose labels are not looked at.</summary>
    /// <param name="model">Takes images [B, C, S, S] and returns a scalar to be made small; left on <see cref="TrainingOptions.Device"/>, in eval mode.</param>
    /// <param name="images">What it learns from.</param>
    /// <param name="progress">Told of every step.</param>
    /// <param name="cancellation">Stops the run after the step at hand; the epochs finished until then are returned.</param>
    /// <returns>The mean loss of each finished epoch.</returns>
    /// <exception cref="TrainingException">There is nothing to train, or the loss is no longer a number.</exception>
    public IReadOnlyList<double> Pretrain(nn.Module<Tensor, Tensor> model, ImageDataset images, IProgress<TrainingProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(images);
        CheckNotEmpty(images);
        model.to(_device);
        using var loader = TrainingLoader(images);
        using var optimizer = Optimizer.For(ParameterGroup.Of(model, _options), _options);
        using var randomness = new RandomStreams(_options.Seed);
        var losses = new List<double>();
        try
        {
            while (losses.Count < _options.Epochs
                && Learn(model, batch => model.call(batch.Images.to(_device)), loader, optimizer, randomness, losses.Count + 1, progress, cancellation) is { } learned)
            {
                losses.Add(learned.Loss);
            }
        }
        finally
        {
            optimizer.ClearGradients();
            model.eval();
        }

        return losses;
    }

    /// <summary>Scores a model on labelled images, without changing it.</summary>
    /// <param name="model">Takes images [B, 3, S, S] and returns logits [B, K].</param>
    /// <param name="data">The images.</param>
    /// <param name="progress">Told of every batch.</param>
    /// <param name="cancellation">Ends the call with <see cref="OperationCanceledException"/>.</param>
    /// <returns>AUROC per label and their mean.</returns>
    public AurocReport Evaluate(nn.Module<Tensor, Tensor> model, ImageDataset data, IProgress<TrainingProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(data);
        CheckOutputs(model.to(_device), data);
        return Score(model, data, epoch: 1, progress, cancellation) ?? throw new OperationCanceledException(cancellation);
    }

    /// <summary>The logits of a model for every image of a set, without changing the model.</summary>
    /// <param name="model">Takes images [B, 3, S, S] and returns logits [B, K].</param>
    /// <param name="data">The images.</param>
    /// <param name="cancellation">Ends the call with <see cref="OperationCanceledException"/>.</param>
    /// <returns>Logits, [images, K], row-major, in the order of the set; a sigmoid makes probabilities of them.</returns>
    public float[] Predict(nn.Module<Tensor, Tensor> model, ImageDataset data, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(data);
        CheckOutputs(model.to(_device), data);
        return Logits(model, data, (_, _, _) => { }, cancellation) ?? throw new OperationCanceledException(cancellation);
    }

    private ImageLoader TrainingLoader(ImageDataset images) => new(images, _options.Training, new ImageLoaderOptions
    {
        BatchSize = Math.Min(_options.BatchSize, images.Count),
        Shuffle = true,
        DropLast = _options.DropLast,
        Seed = (ulong)_options.Seed,
        Threads = _options.LoaderThreads,
    });

    private (double Loss, double Rate, double ImagesPerSecond)? Learn(
        nn.Module<Tensor, Tensor> model, Func<ImageBatch, Tensor> lossOf, ImageLoader loader, Optimizer optimizer, RandomStreams randomness, int epoch, IProgress<TrainingProgress>? progress, CancellationToken cancellation)
    {
        var (steps, losses, rate, images, clock) = (0, 0.0, 0.0, 0L, Stopwatch.StartNew());
        model.train();
        try
        {
            foreach (var batch in loader.Epoch(epoch, cancellation))
            {
                using var owned = batch;
                using var scope = NewDisposeScope();
                randomness.Begin((long)(epoch - 1) * loader.BatchesPerEpoch + steps);
                rate = Training.LearningRate.WarmupCosine(
                    epoch - 1 + (double)steps / loader.BatchesPerEpoch, _options.Epochs, _options.Warmup, _options.LearningRate, _options.MinLearningRate);
                optimizer.ClearGradients();
                var loss = lossOf(batch);
                var value = loss.item<float>();
                if (!float.IsFinite(value))
                    throw new TrainingException($"The loss became {value} in epoch {epoch}, step {steps + 1} of {loader.BatchesPerEpoch}, at a learning rate of {rate:G3}. Lower LearningRate or lengthen WarmupEpochs.");
                loss.backward();
                optimizer.Step(rate);
                (steps, losses, images) = (steps + 1, losses + value, images + batch.Indices.Count);
                progress?.Report(new TrainingProgress(TrainingPhase.Training, epoch, _options.Epochs, steps, loader.BatchesPerEpoch, value, rate, images / clock.Elapsed.TotalSeconds));
                if (cancellation.IsCancellationRequested) return null;
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return null;
        }

        return (losses / steps, rate, images / clock.Elapsed.TotalSeconds);
    }

    private AurocReport? Score(nn.Module<Tensor, Tensor> model, ImageDataset data, int epoch, IProgress<TrainingProgress>? progress, CancellationToken cancellation)
    {
        var clock = Stopwatch.StartNew();
        var logits = Logits(
            model, data,
            (step, steps, images) => progress?.Report(new TrainingProgress(TrainingPhase.Validation, epoch, _options.Epochs, step, steps, null, null, images / clock.Elapsed.TotalSeconds)),
            cancellation);
        if (logits is null) return null;
        var labels = new float[logits.Length];
        for (var i = 0; i < data.Count; i++) data[i].Labels.CopyTo(labels.AsSpan(i * data.Labels.Count));
        return Auroc.PerLabel(logits, labels, data.Labels);
    }

    private float[]? Logits(nn.Module<Tensor, Tensor> model, ImageDataset data, Action<int, int, int> report, CancellationToken cancellation)
    {
        using var loader = new ImageLoader(data, _options.Evaluation, new ImageLoaderOptions
        {
            BatchSize = Math.Min(_options.EvaluationBatchSize, data.Count),
            Seed = (ulong)_options.Seed,
            Threads = _options.LoaderThreads,
        });
        var (scores, done, step) = (new float[data.Count * data.Labels.Count], 0, 0);
        var wasTraining = model.training;
        model.eval();
        try
        {
            foreach (var batch in loader.Epoch(0, cancellation))
            {
                using var owned = batch;
                using var scope = NewDisposeScope();
                using var guard = no_grad();
                var logits = model.call(batch.Images.to(_device)).to(ScalarType.Float32).cpu().contiguous();
                logits.data<float>().CopyTo(scores, done * data.Labels.Count);
                done += batch.Indices.Count;
                report(++step, loader.BatchesPerEpoch, done);
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return null;
        }
        finally
        {
            model.train(wasTraining);
        }

        return scores;
    }
}

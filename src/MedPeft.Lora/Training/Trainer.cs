using MedPeft.Lora.Common;
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
        NativeHeap.KeepFreed();
        _options = options;
        _logger = logger ?? NullLogger.Instance;
        _device = torch.device(options.Device);
    }

    /// <summary>Called with the images of each pass before it; tests make it fail.</summary>
    internal Action<int>? BeforePass { get; set; }

    /// <summary>Trains a model and scores it on the validation images after every epoch.</summary>
    /// <remarks>With <see cref="TrainingOptions.RunFolder"/> it goes on from the run's last checkpoint there, and a run that was finished gives its result at once.</remarks>
    /// <param name="model">Takes images [B, 3, S, S] and returns logits [B, K]; it is moved to <see cref="TrainingOptions.Device"/> and left there, in eval mode.</param>
    /// <param name="train">What it learns from.</param>
    /// <param name="validation">What picks the best epoch; the same labels in the same order, and no patient or image of <paramref name="train"/>.</param>
    /// <param name="progress">Told of every step.</param>
    /// <param name="cancellationToken">Stops the run after the step at hand; what was finished is returned, and with a run folder saved.</param>
    /// <returns>Every finished epoch; the model has the weights of the best one (<see cref="TrainingOptions.KeepBest"/>).</returns>
    /// <exception cref="TrainingException">Model, data and options do not fit, training and validation share images, or the loss is no longer a number: the model then has the weights before that step.</exception>
    /// <exception cref="Imaging.ImageException">An image cannot be read.</exception>
    /// <exception cref="DatasetException">A cache in use is damaged or cannot be written.</exception>
    /// <exception cref="Checkpoints.CheckpointException">A checkpoint of the run cannot be written, the last one is as it was; or none of them can be read.</exception>
    public TrainingResult Fit(
        nn.Module<Tensor, Tensor> model, ImageDataset train, ImageDataset validation, IProgress<TrainingProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(validation);
        CheckData(train, validation);
        model.to(_device);
        CheckOutputs(model, train);
        CheckWeights(train);
        var prefix = FrozenPrefix.Of(model, _options);
        CheckLeaks(train, validation, cancellationToken);

        var report = new RunReport(_options, progress);
        using var objective = new LabelObjective(_options, _device, prefix);
        using var folder = OpenFolder();
        var identity = Identity(folder, model, train, validation);
        using var precision = PrecisionScope.Enter(model, _options, _device);
        using var run = new TrainingRun(model, train, objective, _options, _device, _logger, report, folder, identity, prefix);
        run.Step.BeforePass = BeforePass;
        LogStart(train.Count, validation.Count, run.TrainedParameters, _options.Epochs, run.StepsPerEpoch);
        var finished = run.Go(epoch => Score(model, validation, epoch, report, cancellationToken), cancellationToken);
        if (run.Skipped.Count > 0) LogSkipped(run.Skipped.Count, train.Count);
        return new TrainingResult([.. run.State.Epochs.Select(epoch => epoch.Result)], run.TrainedParameters, !finished, run.Elapsed)
        {
            StoppedEarly = run.State.StoppedEarly,
            Resumed = run.Resumed,
            Skipped = run.Skipped,
        };
    }

    /// <summary>Pre-trains a model that returns its own loss, such as <c>MaskedAutoencoder</c>, on images whose labels are not looked at.</summary>
    /// <remarks>With <see cref="TrainingOptions.RunFolder"/> it goes on from the run's last checkpoint there. <see cref="TrainingOptions.Mae"/> has the published recipe.</remarks>
    /// <param name="model">Takes images [B, C, S, S] and returns a scalar to be made small, the mean over its images; left on <see cref="TrainingOptions.Device"/>, in eval mode.</param>
    /// <param name="images">What it learns from.</param>
    /// <param name="progress">Told of every step.</param>
    /// <param name="cancellationToken">Stops the run after the step at hand; the epochs finished until then are returned, and with a run folder the run is saved.</param>
    /// <returns>The mean loss of each finished epoch.</returns>
    /// <exception cref="TrainingException">There is nothing to train, an option needs labels, or the loss is no longer a number.</exception>
    /// <exception cref="Checkpoints.CheckpointException">A checkpoint of the run cannot be written, or none of them can be read.</exception>
    public IReadOnlyList<double> Pretrain(nn.Module<Tensor, Tensor> model, ImageDataset images, IProgress<TrainingProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(images);
        CheckNotEmpty(images);
        CheckNoLabelOptions();
        model.to(_device);
        using var objective = new OwnObjective();
        using var folder = OpenFolder();
        var identity = Identity(folder, model, images, null);
        using var precision = PrecisionScope.Enter(model, _options, _device);
        using var run = new TrainingRun(model, images, objective, _options, _device, _logger, new RunReport(_options, progress), folder, identity);
        run.Step.BeforePass = BeforePass;
        LogStart(images.Count, 0, run.TrainedParameters, _options.Epochs, run.StepsPerEpoch);
        run.Go(null, cancellationToken);
        return [.. run.State.Epochs.Select(epoch => epoch.Loss)];
    }

    /// <summary>Scores a model on labelled images, without changing it.</summary>
    /// <param name="model">Takes images [B, 3, S, S] and returns logits [B, K].</param>
    /// <param name="data">The images.</param>
    /// <param name="progress">Told of every batch.</param>
    /// <param name="cancellationToken">Ends the call with <see cref="OperationCanceledException"/>.</param>
    /// <returns>AUROC per label and their mean.</returns>
    public AurocReport Evaluate(nn.Module<Tensor, Tensor> model, ImageDataset data, IProgress<TrainingProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(data);
        CheckOutputs(model.to(_device), data);
        using var precision = PrecisionScope.Enter(model, _options, _device);
        return Score(model, data, epoch: 1, new RunReport(_options with { Observers = [] }, progress), cancellationToken) ?? throw new OperationCanceledException(cancellationToken);
    }

    /// <summary>The logits of a model for every image of a set, without changing the model.</summary>
    /// <param name="model">Takes images [B, 3, S, S] and returns logits [B, K].</param>
    /// <param name="data">The images.</param>
    /// <param name="cancellationToken">Ends the call with <see cref="OperationCanceledException"/>.</param>
    /// <returns>Logits, [images, K], row-major, in the order of the set; a sigmoid makes probabilities of them.</returns>
    public float[] Logits(nn.Module<Tensor, Tensor> model, ImageDataset data, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(data);
        CheckOutputs(model.to(_device), data);
        using var precision = PrecisionScope.Enter(model, _options, _device);
        return Logits(model, data, (_, _, _) => { }, cancellationToken) ?? throw new OperationCanceledException(cancellationToken);
    }

    private RunFolder? OpenFolder() => _options.RunFolder is { } folder ? new RunFolder(folder, _logger) : null;

    private IReadOnlyDictionary<string, string> Identity(RunFolder? folder, nn.Module model, ImageDataset train, ImageDataset? validation) =>
        folder is null ? new Dictionary<string, string>() : RunIdentity.Of(_options, _device, model, train, validation);
}

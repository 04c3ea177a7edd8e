using MedPeft.Lora.Data;
using Microsoft.Extensions.Logging;
using static TorchSharp.torch;

namespace MedPeft.Lora.Training;

public sealed partial class Trainer
{
    private static void CheckNotEmpty(ImageDataset train)
    {
        if (train.Count == 0) throw new TrainingException("The training set has no images. Check its list and filters.");
    }

    private static void CheckData(ImageDataset train, ImageDataset validation)
    {
        CheckNotEmpty(train);
        if (validation.Count == 0) throw new TrainingException("The validation set has no images, so no best epoch can be picked. Check its list and filters.");
        if (!train.Labels.SequenceEqual(validation.Labels))
        {
            throw new TrainingException(
                $"Training and validation must have the same labels in the same order; found [{string.Join(", ", train.Labels)}] and [{string.Join(", ", validation.Labels)}].");
        }
    }

    private void CheckWeights(ImageDataset train)
    {
        if (_options.PositiveWeights is { } weights && weights.Count != train.Labels.Count)
            throw new TrainingException($"PositiveWeights has {weights.Count} numbers and the data {train.Labels.Count} labels ({string.Join(", ", train.Labels)}). Give one for each label, in their order.");
    }

    private void CheckNoLabelOptions()
    {
        if (_options.FrozenPrefixCache is not null) throw new TrainingException("FrozenPrefixCache needs blocks that stay as they are, and pre-training trains them all. Leave it at its default.");
        string? unfit = _options switch
        {
            { LabelSmoothing: > 0 } => nameof(TrainingOptions.LabelSmoothing),
            { PositiveWeights: not null } => nameof(TrainingOptions.PositiveWeights),
            { Mixup: > 0 } => nameof(TrainingOptions.Mixup),
            { Patience: > 0 } => nameof(TrainingOptions.Patience),
            _ => null,
        };
        if (unfit is not null) throw new TrainingException($"{unfit} needs labels, and pre-training looks at none. Leave it at its default.");
    }

    /// <summary>Looks for images and patients that training and validation share; with them the best epoch is picked by what the model has learned by heart.</summary>
    private void CheckLeaks(ImageDataset train, ImageDataset validation, CancellationToken cancellationToken)
    {
        if (_options.LeakCheck is not { } thoroughness) return;
        if (_options.OnBadImage.Limit > 0) train = train.Where(record => File.Exists(record.Path));
        LeakReport report;
        try
        {
            report = LeakCheck.Compare(train, validation, thoroughness, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            return; // the run itself says that it was stopped
        }

        LogLeaks(report);
        if (report.HasLeak)
            throw new TrainingException($"Training and validation share what they must not: {report} Split by patient (ImageDataset.Split), or set LeakCheck to null to train all the same.");
    }

    /// <summary>Runs one blank image, so that a model that does not fit fails before anything is read or trained.</summary>
    private void CheckOutputs(nn.Module<Tensor, Tensor> model, ImageDataset data)
    {
        if (data.Count == 0) throw new TrainingException("The set has no images to score. Check its list and filters.");
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var wasTraining = model.training;
        model.eval();
        try
        {
            var pipeline = _options.Evaluation;
            var outputs = model.call(zeros(1, pipeline.Channels, pipeline.Size, pipeline.Size, device: _device));
            if (outputs.dim() != 2 || outputs.shape[0] != 1 || outputs.shape[1] != data.Labels.Count)
            {
                throw new TrainingException(
                    $"The model returns [{string.Join(", ", outputs.shape)}] for one image; {data.Labels.Count} labels need [1, {data.Labels.Count}] ({string.Join(", ", data.Labels)}). " +
                    "Make the model with as many outputs as labels, for a VisionTransformer by Outputs = train.Labels.Count.");
            }
        }
        finally
        {
            model.train(wasTraining);
        }
    }

    [LoggerMessage(1, LogLevel.Information, "Training on {TrainImages} images, validating on {ValidationImages}: {Trained} parameters, {Epochs} epochs of {Steps} steps")]
    private partial void LogStart(int trainImages, int validationImages, long trained, int epochs, int steps);

    [LoggerMessage(8, LogLevel.Warning, "{Skipped} of {Images} training images cannot be read and were left out")]
    private partial void LogSkipped(int skipped, int images);

    [LoggerMessage(9, LogLevel.Information, "Leak check: {Report}")]
    private partial void LogLeaks(LeakReport report);
}

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

    [LoggerMessage(2, LogLevel.Information, "Epoch {Epoch}: loss {Loss:F4}, learning rate {Rate:G3}, macro AUROC {Auroc:F4} over {Scored} labels, {Speed:F1} images/s")]
    private partial void LogEpoch(int epoch, double loss, double rate, double auroc, int scored, double speed);
}

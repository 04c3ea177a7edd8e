using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Data;
using MedPeft.Lora.Training;
using MedPeft.Lora.Vision;

namespace MedPeft.Samples.QuickStart;

/// <summary>Makes the foundation model: a masked autoencoder learns from radiographs without labels by painting what is hidden from it.</summary>
internal static class Pretraining
{
    /// <summary>Pre-trains and writes the weights under the names of the published MAE checkpoints.</summary>
    /// <param name="plan">Sizes and rates.</param>
    /// <param name="images">Their labels are not looked at.</param>
    /// <param name="path">The safetensors file.</param>
    /// <param name="progress">Told of every step.</param>
    /// <param name="stop">Ends it with an <see cref="OperationCanceledException"/>.</param>
    /// <returns>The mean loss of each epoch.</returns>
    public static IReadOnlyList<double> Run(Plan plan, ImageDataset images, string path, IProgress<TrainingProgress> progress, CancellationToken stop)
    {
        using var model = new MaskedAutoencoder(new MaskedAutoencoderConfig { Encoder = plan.Backbone, DecoderDim = 64, DecoderDepth = 2, DecoderHeads = 4 }, plan.Seed);
        // The published recipe but for what its size asks: a higher rate over few epochs, and crops that small phantoms bear.
        var trainer = new Trainer(TrainingOptions.Mae(plan.PretrainingEpochs, batchSize: 64, plan.Size, Plan.Pixels, minScale: .7, channels: 1) with
        {
            LearningRate = plan.PretrainingRate,
            WarmupEpochs = plan.PretrainingEpochs / 10.0,
            Seed = plan.Seed,
        });
        var losses = trainer.Pretrain(model, images, progress, stop);
        stop.ThrowIfCancellationRequested();
        Safetensors.Write(path, model.state_dict());
        return losses;
    }
}

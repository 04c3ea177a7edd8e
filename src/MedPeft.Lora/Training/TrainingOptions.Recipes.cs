using MedPeft.Lora.Common;
using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Training;

public sealed partial record TrainingOptions
{
    /// <summary>The training options of a published run; <see cref="Recipe.MedPeft(FoundationBackbone, BenchmarkDataset, double, FineTuningMethod, ReferenceDefects)"/> has the adapter with them.</summary>
    /// <param name="backbone">The foundation model.</param>
    /// <param name="dataset">The data set.</param>
    /// <param name="fraction">Share of the training images: 0.01, 0.1 or 1.</param>
    /// <param name="method">Adapters (18 published runs), or everything (published for NIH with 1 % only).</param>
    /// <param name="defects">Mistakes of the published code to repeat.</param>
    /// <exception cref="ArgumentException">There is no such run, or its hyper-parameters are not published.</exception>
    public static TrainingOptions MedPeft(
        FoundationBackbone backbone, BenchmarkDataset dataset, double fraction, FineTuningMethod method = FineTuningMethod.Lora, ReferenceDefects defects = ReferenceDefects.None) =>
        Recipe.MedPeft(backbone, dataset, fraction, method, defects).Options;

    /// <summary>The training options of a published run, by the paper's names.</summary>
    /// <param name="backbone"><c>MRM</c> or <c>CXR-MAE</c>.</param>
    /// <param name="dataset"><c>NIH</c>, <c>CheXpert</c> or <c>RSNA</c>.</param>
    /// <param name="fraction">Share of the training images: 0.01, 0.1 or 1.</param>
    /// <param name="method">Adapters, or everything.</param>
    /// <param name="defects">Mistakes of the published code to repeat.</param>
    /// <exception cref="ArgumentException">A name is none of these, or the run is not published.</exception>
    public static TrainingOptions MedPeft(
        string backbone, string dataset, double fraction, FineTuningMethod method = FineTuningMethod.Lora, ReferenceDefects defects = ReferenceDefects.None) =>
        Recipe.MedPeft(backbone, dataset, fraction, method, defects).Options;

    /// <summary>The published recipe of masked-autoencoder pre-training, for <see cref="Trainer.Pretrain"/>.</summary>
    /// <remarks>
    /// He et al. 2022, arXiv:2111.06377, Table 8: AdamW with β = (0.9, 0.95), weight decay 0.05, base rate 1.5e-4 per 256 images, 800 epochs of which 40
    /// warm up, cosine down to 0; a random resized crop of 20 to 100 % and a flip, nothing else. Radiographs
    /// bear less cropping than photographs: a larger <paramref name="minScale"/>, such as 0.5, keeps both lungs in view more often (this library's advice, not the paper's).
    /// </remarks>
    /// <param name="epochs">Passes over the images; the warm-up is a twentieth of them.</param>
    /// <param name="batchSize">Images a step; the rate follows it. The paper has 4096.</param>
    /// <param name="imageSize">Rows and columns of the input.</param>
    /// <param name="normalization">Mean and deviation of the images; those of CXR-MAE if null.</param>
    /// <param name="minScale">Smallest share of the area that a crop keeps.</param>
    /// <param name="channels">Channels of the model's input, 1 or 3.</param>
    public static TrainingOptions Mae(
        int epochs = 800, int batchSize = 4096, int imageSize = 224, Normalization? normalization = null, double minScale = .2, int channels = 3)
    {
        Require.AtLeastOne(epochs);
        Require.AtLeastOne(batchSize);
        var pixels = normalization ?? Normalization.CxrMae;
        return new TrainingOptions
        {
            Epochs = epochs,
            BatchSize = batchSize,
            Optimizer = OptimizerKind.AdamW,
            Beta1 = .9,
            Beta2 = .95,
            WeightDecay = .05,
            LearningRate = 1.5e-4 * batchSize / 256,
            MinLearningRate = 0,
            WarmupEpochs = epochs / 20.0,
            ImageSize = imageSize,
            Normalization = pixels,
            TrainPipeline = new ImagePipeline([new RandomResizedCrop(imageSize, minScale), new HorizontalFlip(), new Grayscale()], pixels, imageSize, channels),
        };
    }
}

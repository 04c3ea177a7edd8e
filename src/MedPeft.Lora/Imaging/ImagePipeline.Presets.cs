namespace MedPeft.Lora.Imaging;

public sealed partial class ImagePipeline
{
    /// <summary>The usual training pipeline, <see cref="MedPeftSgdTrain"/>: a random crop of 8 to 100 % of the area, a flip, gray.</summary>
    /// <param name="size">The side of the network's input in pixels.</param>
    /// <param name="normalization">The statistics of the backbone's pre-training.</param>
    public static ImagePipeline Train(int size, Normalization normalization) => MedPeftSgdTrain(size, normalization);

    /// <summary>The usual evaluation pipeline, <see cref="MedPeftSgdEvaluate"/>: the shorter side to the size, the middle square, gray.</summary>
    /// <param name="size">The side of the network's input in pixels.</param>
    /// <param name="normalization">The statistics of the backbone's pre-training.</param>
    public static ImagePipeline Evaluate(int size, Normalization normalization) => MedPeftSgdEvaluate(size, normalization);

    /// <summary>What MED-PEFT trains with under SGD: a random crop of 8 to 100 % of the area, a flip, gray.</summary>
    /// <param name="size">The side of the network's input in pixels; the reference has 224.</param>
    /// <param name="normalization">The statistics of the backbone's pre-training.</param>
    /// <remarks>Lian et al. 2024, arXiv:2401.12215.</remarks>
    public static ImagePipeline MedPeftSgdTrain(int size, Normalization normalization)
        => new([new RandomResizedCrop(size), new HorizontalFlip(), new Grayscale()], normalization, size);

    /// <summary>What MED-PEFT evaluates with under SGD: the shorter side to <paramref name="size"/>, the middle square, gray.</summary>
    /// <param name="size">The side of the network's input in pixels; the reference has 224.</param>
    /// <param name="normalization">The statistics of the backbone's pre-training.</param>
    /// <remarks>Lian et al. 2024, arXiv:2401.12215.</remarks>
    public static ImagePipeline MedPeftSgdEvaluate(int size, Normalization normalization)
        => new([new Resize(size), new CenterCrop(size), new Grayscale()], normalization, size);

    /// <summary>What MED-PEFT trains with under AdamW: a random crop, a flip, RandAugment, gray, and random erasing behind the normalisation.</summary>
    /// <param name="size">The side of the network's input in pixels; the reference has 224.</param>
    /// <param name="normalization">The statistics of the backbone's pre-training; their mean is the fill of rotations and shifts.</param>
    /// <param name="referenceFill">Whether to reproduce the reference's red fill, see <see cref="RandAugment.ReferenceFill"/>.</param>
    /// <remarks>Lian et al. 2024, arXiv:2401.12215; timm's <c>rand-m9-mstd0.5-inc1</c>.</remarks>
    public static ImagePipeline MedPeftAdamWTrain(int size, Normalization normalization, bool referenceFill = false)
    {
        var augment = RandAugment.For(normalization) with { ReferenceFill = referenceFill };
        return new([new RandomResizedCrop(size), new HorizontalFlip(), augment, new Grayscale()], normalization, size, tensorTransforms: [new RandomErasing()]);
    }

    /// <summary>What MED-PEFT evaluates with under AdamW: the shorter side to <paramref name="size"/> / 0.875, the middle square, gray.</summary>
    /// <param name="size">The side of the network's input in pixels; the reference has 224, which resizes to 256.</param>
    /// <param name="normalization">The statistics of the backbone's pre-training.</param>
    /// <remarks>Lian et al. 2024, arXiv:2401.12215.</remarks>
    public static ImagePipeline MedPeftAdamWEvaluate(int size, Normalization normalization)
        => new([new Resize((int)(size / .875)), new CenterCrop(size), new Grayscale()], normalization, size);
}

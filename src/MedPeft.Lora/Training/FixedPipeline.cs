using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Training;

/// <summary>Tells a pipeline that gives an image the same way every time from one that draws at random.</summary>
internal sealed class FixedPipeline
{
    private volatile string? _drew;

    public FixedPipeline(ImagePipeline pipeline) => Watched = new ImagePipeline(
        [.. pipeline.Transforms.Select(step => IsKnown(step) ? step : new WatchedTransform(step, this))], pipeline.Normalization, pipeline.Size, pipeline.Channels,
        [.. pipeline.TensorTransforms.Select(step => IsKnown(step) ? step : new WatchedTensorTransform(step, this))]);

    /// <summary>The pipeline, whose foreign steps are watched.</summary>
    public ImagePipeline Watched { get; }

    /// <summary>Refuses a pipeline by the steps of this library that draw at random.</summary>
    public static void Demand(ImagePipeline pipeline)
    {
        object[] random = [.. pipeline.Transforms.Where(Draws), .. pipeline.TensorTransforms.Where(Draws)];
        if (random.Length > 0) throw Random(string.Join(" and ", random));
    }

    /// <summary>Refuses a pipeline if a foreign step has drawn a random number.</summary>
    public void Demand()
    {
        if (_drew is { } step) throw Random(step);
    }

    private static bool IsKnown(object step) => step.GetType().Assembly == typeof(ImagePipeline).Assembly;

    private static bool Draws(object step) => step switch
    {
        HorizontalFlip flip => flip.Probability is > 0 and < 1,
        RandomErasing erasing => erasing.Probability > 0,
        RandomResizedCrop or RandAugment => true,
        _ => false,
    };

    private static TrainingException Random(string steps) => new(
        $"FrozenPrefixCache needs training images that are the same in every epoch, and the training pipeline draws at random: {steps}. " +
        "Set TrainPipeline to a fixed one, such as ImagePipeline.Evaluate of the same size and normalization, or FrozenPrefixCache to null.");

    private void Compare(SampleRandom before, SampleRandom after, object step)
    {
        if (before.NextUInt64() != after.NextUInt64()) _drew = step.ToString() ?? step.GetType().Name;
    }

    private sealed class WatchedTransform(IImageTransform step, FixedPipeline pipeline) : IImageTransform
    {
        public PixelImage Apply(PixelImage image, ref SampleRandom random)
        {
            var before = random;
            var result = step.Apply(image, ref random);
            pipeline.Compare(before, random, step);
            return result;
        }
    }

    private sealed class WatchedTensorTransform(ITensorTransform step, FixedPipeline pipeline) : ITensorTransform
    {
        public void Apply(Span<float> tensor, int channels, int height, int width, ref SampleRandom random)
        {
            var before = random;
            step.Apply(tensor, channels, height, width, ref random);
            pipeline.Compare(before, random, step);
        }
    }
}

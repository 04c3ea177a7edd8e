namespace MedPeft.Lora.Imaging;

/// <summary>Overwrites one random rectangle with normal noise, a number of its own for every pixel and channel.</summary>
/// <remarks>
/// Zhong et al. 2020, arXiv:1708.04896, as timm's mode <c>pixel</c> has it: ten tries, and the rectangle is smaller than the image in both
/// directions.
/// </remarks>
public sealed record RandomErasing : ITensorTransform
{
    private const int Tries = 10;

    /// <summary>Erases in some images.</summary>
    /// <param name="probability">How likely an image is touched.</param>
    /// <param name="minArea">The smallest part of the area, above 0.</param>
    /// <param name="maxArea">The largest part of the area, at most 1.</param>
    /// <param name="minAspect">The smallest height / width, above 0 and up to 1; the largest is its inverse.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range.</exception>
    public RandomErasing(double probability = .25, double minArea = .02, double maxArea = 1.0 / 3, double minAspect = .3)
    {
        if (!(minArea > 0 && minArea <= maxArea && maxArea <= 1))
            throw new ArgumentOutOfRangeException(nameof(minArea), Text.Of($"The area is {minArea} to {maxArea}; it must rise and lie above 0 and up to 1."));
        if (minAspect is not (> 0 and <= 1)) throw new ArgumentOutOfRangeException(nameof(minAspect), Text.Of($"Found {minAspect}; the smallest aspect lies above 0 and up to 1."));
        (Probability, MinArea, MaxArea, MinAspect) = (Text.Probability(probability, nameof(probability)), minArea, maxArea, minAspect);
    }

    /// <summary>How likely an image is touched.</summary>
    /// <value>The default is 0.25.</value>
    public double Probability { get; }

    /// <summary>The smallest part of the area.</summary>
    /// <value>The default is 0.02.</value>
    public double MinArea { get; }

    /// <summary>The largest part of the area.</summary>
    /// <value>The default is 1/3.</value>
    public double MaxArea { get; }

    /// <summary>The smallest height / width; the largest is its inverse.</summary>
    /// <value>The default is 0.3.</value>
    public double MinAspect { get; }

    /// <inheritdoc/>
    public void Apply(Span<float> tensor, int channels, int height, int width, ref SampleRandom random)
    {
        if (random.NextDouble() > Probability) return;
        if (Draw(width, height, ref random) is not { } box) return;
        for (var c = 0; c < channels; c++)
            for (var y = box.Y; y < box.Y + box.Height; y++)
                foreach (ref var value in tensor.Slice((c * height + y) * width + box.X, box.Width)) value = (float)random.NextGaussian();
    }

    /// <summary>Prints the ranges.</summary>
    public override string ToString()
        => $"RandomErasing({Text.Short(Probability)}, area {Text.Short(MinArea)}-{Text.Short(MaxArea)}, aspect {Text.Short(MinAspect)}-{Text.Short(1 / MinAspect)})";

    /// <summary>Draws a rectangle, or none in ten tries.</summary>
    internal PixelBox? Draw(int width, int height, ref SampleRandom random)
    {
        var (low, high) = (Math.Log(MinAspect), Math.Log(1 / MinAspect));
        for (var i = 0; i < Tries; i++)
        {
            var target = random.NextDouble(MinArea, MaxArea) * ((double)width * height);
            var aspect = Math.Exp(random.NextDouble(low, high));
            var (h, w) = ((int)Math.Round(Math.Sqrt(target * aspect)), (int)Math.Round(Math.Sqrt(target / aspect)));
            if (w >= width || h >= height) continue;
            var y = random.NextInt(0, height - h);
            var x = random.NextInt(0, width - w);
            return new PixelBox(x, y, w, h);
        }

        return null;
    }
}

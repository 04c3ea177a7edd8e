namespace MedPeft.Lora.Imaging;

/// <summary>Cuts a box of random area, shape and place and resizes it to a square: the crop comes first, so its edge is the filter's edge.</summary>
/// <remarks>
/// Szegedy et al. 2015, arXiv:1409.4842, in torchvision's form: ten tries, then the largest box of an allowed shape in the middle.
/// timm's <c>RandomResizedCropAndInterpolation</c> with one interpolation is the same, but for boxes of zero pixels, at which it fails.
/// </remarks>
public sealed record RandomResizedCrop : IImageTransform
{
    private const int Tries = 10;

    /// <summary>Cuts and resizes.</summary>
    /// <param name="size">The side of the square afterwards, at least 1.</param>
    /// <param name="minScale">The smallest part of the image's area, above 0.</param>
    /// <param name="maxScale">The largest part of the image's area, at most 1.</param>
    /// <param name="minRatio">The smallest width / height of the box, above 0.</param>
    /// <param name="maxRatio">The largest width / height of the box.</param>
    /// <param name="interpolation">How to interpolate.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range.</exception>
    public RandomResizedCrop(
        int size,
        double minScale = .08,
        double maxScale = 1,
        double minRatio = 3.0 / 4,
        double maxRatio = 4.0 / 3,
        Interpolation interpolation = Interpolation.Bicubic)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(size);
        if (!(minScale > 0 && minScale <= maxScale && maxScale <= 1))
            throw new ArgumentOutOfRangeException(nameof(minScale), Text.Of($"The scale is {minScale} to {maxScale}; it must rise and lie above 0 and up to 1."));
        if (!(minRatio > 0 && minRatio <= maxRatio && double.IsFinite(maxRatio)))
            throw new ArgumentOutOfRangeException(nameof(minRatio), Text.Of($"The ratio is {minRatio} to {maxRatio}; it must rise and lie above 0."));
        (Size, MinScale, MaxScale, MinRatio, MaxRatio, Interpolation) = (size, minScale, maxScale, minRatio, maxRatio, interpolation);
    }

    /// <summary>The side of the square afterwards.</summary>
    public int Size { get; }

    /// <summary>The smallest part of the image's area.</summary>
    /// <value>The default is 0.08.</value>
    public double MinScale { get; }

    /// <summary>The largest part of the image's area.</summary>
    /// <value>The default is 1.</value>
    public double MaxScale { get; }

    /// <summary>The smallest width / height of the box.</summary>
    /// <value>The default is 3/4.</value>
    public double MinRatio { get; }

    /// <summary>The largest width / height of the box.</summary>
    /// <value>The default is 4/3.</value>
    public double MaxRatio { get; }

    /// <summary>How to interpolate.</summary>
    /// <value>The default is bicubic.</value>
    public Interpolation Interpolation { get; }

    /// <inheritdoc/>
    public PixelImage Apply(PixelImage image, ref SampleRandom random)
    {
        ArgumentNullException.ThrowIfNull(image);
        return Cut(image, Draw(image.Width, image.Height, ref random));
    }

    /// <summary>Prints the size and the ranges.</summary>
    public override string ToString()
        => $"RandomResizedCrop({Size}, scale {Text.Short(MinScale)}-{Text.Short(MaxScale)}, ratio {Text.Short(MinRatio)}-{Text.Short(MaxRatio)}, {Text.Of(Interpolation)})";

    /// <summary>Draws a box that lies inside the image: area, then shape, then row, then column, as torchvision draws them.</summary>
    internal PixelBox Draw(int width, int height, ref SampleRandom random)
    {
        var area = (double)width * height;
        var (low, high) = (Math.Log(MinRatio), Math.Log(MaxRatio));
        for (var i = 0; i < Tries; i++)
        {
            var target = area * random.NextDouble(MinScale, MaxScale);
            var ratio = Math.Exp(random.NextDouble(low, high));
            var (w, h) = (Math.Round(Math.Sqrt(target * ratio)), Math.Round(Math.Sqrt(target / ratio)));
            if (!(w >= 1 && w <= width && h >= 1 && h <= height)) continue;
            var y = random.NextInt(0, height - (int)h);
            var x = random.NextInt(0, width - (int)w);
            return new PixelBox(x, y, (int)w, (int)h);
        }

        return Fallback(width, height);
    }

    /// <summary>Resizes a given box to the square.</summary>
    internal PixelImage Cut(PixelImage image, PixelBox box) => Resampler.Resize(image, box, Size, Size, new PixelBox(0, 0, Size, Size), Interpolation);

    private PixelBox Fallback(int width, int height)
    {
        var (w, h) = (width, height);
        var ratio = (double)width / height;
        if (ratio < MinRatio) h = Math.Clamp((int)Math.Round(width / MinRatio), 1, height);
        else if (ratio > MaxRatio) w = Math.Clamp((int)Math.Round(height * MaxRatio), 1, width);
        return new PixelBox((width - w) / 2, (height - h) / 2, w, h);
    }
}

namespace MedPeft.Lora.Imaging;

/// <summary>Resizes so that the shorter side has a given length and the proportions stay, byte for byte as Pillow and torchvision do.</summary>
/// <remarks>The longer side is cut to an integer, not rounded: int(side * long / short).</remarks>
public sealed record Resize : IImageTransform
{
    /// <summary>Resizes the shorter side.</summary>
    /// <param name="shortSide">Pixels of the shorter side afterwards, at least 1.</param>
    /// <param name="interpolation">How to interpolate.</param>
    /// <exception cref="ArgumentOutOfRangeException">The side is below 1.</exception>
    public Resize(int shortSide, Interpolation interpolation = Interpolation.Bicubic)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(shortSide);
        (ShortSide, Interpolation) = (shortSide, interpolation);
    }

    /// <summary>Pixels of the shorter side afterwards.</summary>
    public int ShortSide { get; }

    /// <summary>How to interpolate.</summary>
    public Interpolation Interpolation { get; }

    /// <inheritdoc/>
    public PixelImage Apply(PixelImage image, ref SampleRandom random)
    {
        ArgumentNullException.ThrowIfNull(image);
        var (width, height) = Target(image);
        return (width, height) == (image.Width, image.Height)
            ? image
            : Resampler.Resize(image, PixelBox.Whole(image), width, height, new PixelBox(0, 0, width, height), Interpolation);
    }

    /// <summary>Prints the side and the interpolation.</summary>
    public override string ToString() => $"Resize({ShortSide}, {Text.Of(Interpolation)})";

    /// <summary>The size that an image gets.</summary>
    internal (int Width, int Height) Target(PixelImage image) => image.Width <= image.Height
        ? (ShortSide, Long(image.Height, image.Width))
        : (Long(image.Width, image.Height), ShortSide);

    // Python's int(size * long / short): an exact product, one rounding in the division, then cut.
    private int Long(int longSide, int shortSide) => checked((int)((double)((long)ShortSide * longSide) / shortSide));
}

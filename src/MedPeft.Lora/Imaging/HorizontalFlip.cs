namespace MedPeft.Lora.Imaging;

/// <summary>Mirrors left and right with a given probability.</summary>
/// <remarks>It puts the heart on the right. The reference flips its training radiographs all the same, and so do the presets.</remarks>
public sealed record HorizontalFlip : IImageTransform
{
    /// <summary>Mirrors some images.</summary>
    /// <param name="probability">How likely an image is mirrored, 0 to 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">The probability is outside 0 to 1.</exception>
    public HorizontalFlip(double probability = .5) => Probability = Text.Probability(probability, nameof(probability));

    /// <summary>How likely an image is mirrored.</summary>
    /// <value>The default is 0.5.</value>
    public double Probability { get; }

    /// <inheritdoc/>
    public PixelImage Apply(PixelImage image, ref SampleRandom random)
    {
        ArgumentNullException.ThrowIfNull(image);
        return random.NextDouble() < Probability ? Flip(image) : image;
    }

    /// <summary>Prints the probability.</summary>
    public override string ToString() => $"HorizontalFlip({Text.Short(Probability)})";

    private static PixelImage Flip(PixelImage image)
    {
        var flipped = (byte[])image.Pixels.Clone();
        var row = image.Width * image.Channels;
        for (var y = 0; y < image.Height; y++)
        {
            var line = flipped.AsSpan(y * row, row);
            // All bytes reversed turns RGB into BGR: swapping the outer two of each pixel repairs it.
            line.Reverse();
            if (image.Channels == 3)
                for (var i = 0; i < row; i += 3) (line[i], line[i + 2]) = (line[i + 2], line[i]);
        }

        return new PixelImage(image.Width, image.Height, image.Channels, flipped);
    }
}

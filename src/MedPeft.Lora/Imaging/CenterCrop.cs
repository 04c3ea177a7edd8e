namespace MedPeft.Lora.Imaging;

/// <summary>Cuts a square out of the middle, as torchvision does. An image that is smaller is first surrounded by black.</summary>
public sealed record CenterCrop : IImageTransform
{
    /// <summary>Cuts a square.</summary>
    /// <param name="size">Its side in pixels, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">The side is below 1.</exception>
    public CenterCrop(int size)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(size);
        Size = size;
    }

    /// <summary>The side of the square in pixels.</summary>
    public int Size { get; }

    /// <inheritdoc/>
    public PixelImage Apply(PixelImage image, ref SampleRandom random)
    {
        ArgumentNullException.ThrowIfNull(image);
        if (image.Width >= Size && image.Height >= Size) return Resampler.Crop(image, Window(image.Width, image.Height));
        var padded = Pad(image);
        return Resampler.Crop(padded, Window(padded.Width, padded.Height));
    }

    /// <summary>Prints the side.</summary>
    public override string ToString() => $"CenterCrop({Size})";

    /// <summary>The square inside an image that is large enough: the offset is rounded half to even, as Python rounds.</summary>
    internal PixelBox Window(int width, int height)
        => new((int)Math.Round((width - Size) / 2.0), (int)Math.Round((height - Size) / 2.0), Size, Size);

    private PixelImage Pad(PixelImage image)
    {
        var (width, height) = (Math.Max(image.Width, Size), Math.Max(image.Height, Size));
        var (left, top) = ((width - image.Width) / 2, (height - image.Height) / 2);
        var pixels = new byte[checked(width * height * image.Channels)];
        var row = image.Width * image.Channels;
        for (var y = 0; y < image.Height; y++)
            image.Pixels.AsSpan(y * row, row).CopyTo(pixels.AsSpan(((top + y) * width + left) * image.Channels));
        return new PixelImage(width, height, image.Channels, pixels);
    }
}

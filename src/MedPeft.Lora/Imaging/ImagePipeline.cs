namespace MedPeft.Lora.Imaging;

/// <summary>The way from decoded pixels to a network's input: image transforms in a row, normalisation, tensor transforms.</summary>
/// <remarks>
/// Immutable, so one pipeline serves all threads. A gray image stays one channel until the end and is then copied to all channels,
/// which equals the reference's three equal channels bit for bit.
/// </remarks>
public sealed partial class ImagePipeline
{
    private readonly float[] _table;
    private readonly IImageTransform[] _steps;

    /// <summary>Chains transforms.</summary>
    /// <param name="transforms">Image transforms in their order; after the last one the image must be a square of <paramref name="size"/>.</param>
    /// <param name="normalization">How bytes become numbers.</param>
    /// <param name="size">The side of the network's input in pixels.</param>
    /// <param name="channels">Channels of the network's input, 1 or 3.</param>
    /// <param name="tensorTransforms">Steps behind the normalisation; none if null.</param>
    /// <exception cref="ArgumentException">A number is outside its range.</exception>
    public ImagePipeline(
        IReadOnlyList<IImageTransform> transforms,
        Normalization normalization,
        int size,
        int channels = 3,
        IReadOnlyList<ITensorTransform>? tensorTransforms = null)
    {
        ArgumentNullException.ThrowIfNull(transforms);
        ArgumentNullException.ThrowIfNull(normalization);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(size);
        if (channels is not (1 or 3)) throw new ArgumentOutOfRangeException(nameof(channels), channels, "A network takes 1 channel (gray) or 3 (RGB).");
        (Transforms, Normalization, Size, Channels) = ([.. transforms], normalization, size, channels);
        TensorTransforms = [.. tensorTransforms ?? []];
        _table = normalization.Table();
        _steps = Fuse(Transforms);
        KeepsNothing = Transforms.All(t => t.GetType().Assembly == typeof(ImagePipeline).Assembly);
    }

    /// <summary>Image transforms in their order.</summary>
    public IReadOnlyList<IImageTransform> Transforms { get; }

    /// <summary>Steps behind the normalisation, in their order.</summary>
    public IReadOnlyList<ITensorTransform> TensorTransforms { get; }

    /// <summary>How bytes become numbers.</summary>
    public Normalization Normalization { get; }

    /// <summary>The side of the network's input in pixels.</summary>
    public int Size { get; }

    /// <summary>Channels of the network's input.</summary>
    public int Channels { get; }

    /// <summary>Whether no step can keep an image beyond its turn: all are this library's own.</summary>
    internal bool KeepsNothing { get; private init; }

    /// <summary>Runs the chain on one image.</summary>
    /// <param name="image">The decoded image.</param>
    /// <param name="random">The sample's random numbers.</param>
    /// <param name="destination">Receives the input, [C, H, W], C * Size * Size numbers.</param>
    /// <exception cref="ArgumentException">The destination has another length, or the chain ends at another size.</exception>
    public void Run(PixelImage image, ref SampleRandom random, Span<float> destination)
    {
        if (destination.Length != Channels * Size * Size)
            throw new ArgumentException($"The destination holds {destination.Length} numbers; {Channels}x{Size}x{Size} need {Channels * Size * Size}.", nameof(destination));
        Write(Transform(image, ref random), destination);
        foreach (var step in TensorTransforms) step.Apply(destination, Channels, Size, Size, ref random);
    }

    /// <summary>Runs the image transforms alone: what a contact sheet or a cache shows.</summary>
    /// <param name="image">The decoded image.</param>
    /// <param name="random">The sample's random numbers.</param>
    /// <returns>A square image of <see cref="Size"/>, gray or RGB.</returns>
    /// <exception cref="ArgumentException">The chain ends at another size.</exception>
    public PixelImage Transform(PixelImage image, ref SampleRandom random)
    {
        ArgumentNullException.ThrowIfNull(image);
        foreach (var step in _steps) image = step.Apply(image, ref random);
        if (image.Width == Size && image.Height == Size) return image;
        throw new ArgumentException($"The pipeline ends at {image.Width}x{image.Height} pixels and the network takes {Size}x{Size}. End it with CenterCrop({Size}).");
    }

    /// <summary>Prints the chain.</summary>
    public override string ToString()
        => string.Join(" -> ", [.. Transforms.Select(t => t.ToString()), Normalization.ToString(), .. TensorTransforms.Select(t => t.ToString())]);

    private static IImageTransform[] Fuse(IReadOnlyList<IImageTransform> transforms)
    {
        var steps = new List<IImageTransform>();
        foreach (var transform in transforms)
        {
            if (transform is CenterCrop crop && steps.LastOrDefault() is Resize resize) steps[^1] = new ResizedCenterCrop(resize, crop);
            else steps.Add(transform);
        }

        return [.. steps];
    }

    private void Write(PixelImage image, Span<float> destination)
    {
        if (Channels == 1) image = Grayscale.Convert(image);
        var plane = Size * Size;
        var pixels = image.Pixels;
        if (image.Channels == 1)
        {
            for (var i = 0; i < plane; i++) destination[i] = _table[pixels[i]];
            for (var c = 1; c < Channels; c++) destination[..plane].CopyTo(destination[(c * plane)..]);
            return;
        }

        for (var c = 0; c < 3; c++)
            for (int i = 0, p = c; i < plane; i++, p += 3) destination[c * plane + i] = _table[pixels[p]];
    }
}

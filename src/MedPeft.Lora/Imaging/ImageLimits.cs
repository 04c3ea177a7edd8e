namespace MedPeft.Lora.Imaging;

/// <summary>What a file may claim before anything is allocated for it. A small file can name a size of gigabytes.</summary>
public sealed record ImageLimits
{
    /// <summary>Limits that every radiograph known to us passes: 16,384 pixels a side, 64 megapixels, 256 MiB a file.</summary>
    public static ImageLimits Default { get; } = new();

    /// <summary>The largest width in pixels.</summary>
    /// <value>The default is 16,384.</value>
    public int MaxWidth { get; init => field = Positive(value, nameof(MaxWidth)); } = 16_384;

    /// <summary>The largest height in pixels.</summary>
    /// <value>The default is 16,384.</value>
    public int MaxHeight { get; init => field = Positive(value, nameof(MaxHeight)); } = 16_384;

    /// <summary>The largest product of width and height. Decoding takes up to seven bytes for each.</summary>
    /// <value>The default is 67,108,864 (64 megapixels).</value>
    public long MaxPixels
    {
        get;
        init
        {
            // Three channels of as many pixels must fit into one array.
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, Array.MaxLength / 3, nameof(MaxPixels));
            field = Positive(value, nameof(MaxPixels));
        }
    } = 64L << 20;

    /// <summary>The largest file in bytes.</summary>
    /// <value>The default is 268,435,456 (256 MiB).</value>
    public long MaxFileBytes { get; init => field = Positive(value, nameof(MaxFileBytes)); } = 256L << 20;

    /// <summary>Refuses a size over the limits.</summary>
    /// <param name="file">The file's name for the error.</param>
    /// <param name="width">Columns that the header claims.</param>
    /// <param name="height">Rows that the header claims.</param>
    /// <exception cref="ImageException">A side is zero, or the size is over a limit.</exception>
    internal void Check(string file, long width, long height)
    {
        if (width < 1 || height < 1) throw new ImageException(file, $"claims {width}x{height} pixels; an image has at least one. The file is damaged: fetch it again.");
        if (width <= MaxWidth && height <= MaxHeight && width * height <= MaxPixels) return;
        throw new ImageException(
            file,
            string.Create(
                System.Globalization.CultureInfo.InvariantCulture,
                $"claims {width}x{height} pixels; the limits are {MaxWidth}x{MaxHeight} and {MaxPixels:N0} pixels in all. If the file can be trusted, raise ImageLimits."));
    }

    private static T Positive<T>(T value, string name)
        where T : System.Numerics.INumberBase<T>
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(value, name);
        return value;
    }
}

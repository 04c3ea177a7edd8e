namespace MedPeft.Lora.Imaging;

/// <summary>An 8-bit image in memory: gray (one channel) or RGB (three), rows from the top, channels interleaved.</summary>
public sealed class PixelImage
{
    /// <summary>Wraps pixels without copying them.</summary>
    /// <param name="width">Columns, at least 1.</param>
    /// <param name="height">Rows, at least 1.</param>
    /// <param name="channels">1 (gray) or 3 (red, green, blue).</param>
    /// <param name="pixels">Bytes, [height, width, channels] in row-major order.</param>
    /// <exception cref="ArgumentException">The number of bytes does not fit the size.</exception>
    public PixelImage(int width, int height, int channels, byte[] pixels)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        ArgumentNullException.ThrowIfNull(pixels);
        if (channels is not (1 or 3)) throw new ArgumentOutOfRangeException(nameof(channels), channels, "An image has 1 channel (gray) or 3 (RGB).");
        if (pixels.LongLength != (long)width * height * channels)
            throw new ArgumentException($"{width}x{height} pixels of {channels} channel(s) take {(long)width * height * channels} bytes; found {pixels.LongLength}.", nameof(pixels));
        (Width, Height, Channels, Pixels) = (width, height, channels, pixels);
    }

    /// <summary>Columns.</summary>
    public int Width { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>1 (gray) or 3 (RGB).</summary>
    public int Channels { get; }

    /// <summary>The bytes themselves, [Height, Width, Channels]; not a copy.</summary>
    public byte[] Pixels { get; }

    /// <summary>Writes the image as a PNG file, gray or RGB. A file of that name is replaced, and never half-written.</summary>
    /// <param name="path">Where to; its folder exists.</param>
    /// <exception cref="IOException">The file cannot be written there.</exception>
    public void SavePng(string path) => PngWriter.Save(this, path);
}

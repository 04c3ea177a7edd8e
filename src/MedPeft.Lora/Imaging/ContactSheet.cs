namespace MedPeft.Lora.Imaging;

/// <summary>Shows what a pipeline does to an image: its first outputs, side by side in one picture.</summary>
/// <example><code>ContactSheet.Draw(pipeline, ImageDecoder.Decode("a.png"), 16).SavePng("augmented.png");</code></example>
public static class ContactSheet
{
    /// <summary>Runs a pipeline several times on one image and lays the results out in rows.</summary>
    /// <param name="pipeline">The pipeline; steps behind the normalisation are shown too.</param>
    /// <param name="image">The decoded image.</param>
    /// <param name="count">How many outputs, at least 1: the sample's epochs 0 to <paramref name="count"/> - 1.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="columns">Pictures in a row; null for a sheet about as wide as high.</param>
    /// <returns>The sheet; gray where every output has equal channels.</returns>
    public static PixelImage Draw(ImagePipeline pipeline, PixelImage image, int count, ulong seed = 0, int? columns = null)
    {
        ArgumentNullException.ThrowIfNull(pipeline);
        ArgumentNullException.ThrowIfNull(image);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        var tensor = new float[pipeline.Channels * pipeline.Size * pipeline.Size];
        var tiles = new PixelImage[count];
        for (var i = 0; i < count; i++)
        {
            var random = SampleRandom.For(seed, i, 0);
            pipeline.Run(image, ref random, tensor);
            tiles[i] = ToPixels(tensor, pipeline);
        }

        return Tile(tiles, columns);
    }

    /// <summary>Lays images of one size out in rows, with dark gray lines between them.</summary>
    /// <param name="images">At least one image; all of one size, gray and RGB as they come.</param>
    /// <param name="columns">Pictures in a row; null for a sheet about as wide as high.</param>
    /// <param name="gap">Pixels between two pictures.</param>
    /// <returns>The sheet; gray where every image is.</returns>
    /// <exception cref="ArgumentException">There is no image, or the sizes differ.</exception>
    public static PixelImage Tile(IReadOnlyList<PixelImage> images, int? columns = null, int gap = 4)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentOutOfRangeException.ThrowIfNegative(gap);
        if (images.Count == 0) throw new ArgumentException("A contact sheet shows at least one image; found none.", nameof(images));
        if (columns is { } given) ArgumentOutOfRangeException.ThrowIfNegativeOrZero(given, nameof(columns));
        var (width, height) = (images[0].Width, images[0].Height);
        if (images.FirstOrDefault(i => i.Width != width || i.Height != height) is { } other)
            throw new ArgumentException($"Found images of {width}x{height} and {other.Width}x{other.Height} pixels; a contact sheet shows one size. Resize them first.", nameof(images));
        var across = Math.Min(images.Count, columns ?? (int)Math.Ceiling(Math.Sqrt(images.Count)));
        var down = (images.Count + across - 1) / across;
        var channels = images.Max(i => i.Channels);
        var (sheetWidth, sheetHeight) = (across * (width + gap) - gap, down * (height + gap) - gap);
        var sheet = new byte[checked(sheetWidth * sheetHeight * channels)];
        sheet.AsSpan().Fill(48);
        for (var i = 0; i < images.Count; i++)
        {
            var pixels = channels == 3 ? Grayscale.ToRgb(images[i]).Pixels : images[i].Pixels;
            var corner = (i / across * (height + gap) * sheetWidth + i % across * (width + gap)) * channels;
            for (var y = 0; y < height; y++)
                pixels.AsSpan(y * width * channels, width * channels).CopyTo(sheet.AsSpan(corner + y * sheetWidth * channels));
        }

        return new PixelImage(sheetWidth, sheetHeight, channels, sheet);
    }

    private static PixelImage ToPixels(float[] tensor, ImagePipeline pipeline)
    {
        var plane = pipeline.Size * pipeline.Size;
        var gray = true;
        for (var i = plane; i < tensor.Length && gray; i++) gray = tensor[i] == tensor[i - plane];
        var channels = gray ? 1 : pipeline.Channels;
        var pixels = new byte[plane * channels];
        for (var i = 0; i < pixels.Length; i++)
        {
            var value = tensor[i % channels * plane + i / channels] * pipeline.Normalization.Std + pipeline.Normalization.Mean;
            pixels[i] = (byte)Math.Clamp(MathF.Round(value * 255), 0, 255);
        }

        return new PixelImage(pipeline.Size, pipeline.Size, channels, pixels);
    }
}

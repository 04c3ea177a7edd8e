namespace MedPeft.Lora.Imaging;

/// <summary>Turns colour into one channel of luma, exactly as Pillow does: (19595 R + 38470 G + 7471 B + 32768) / 65536, cut. Gray stays as it is.</summary>
/// <remarks>ITU-R BT.601. The pipeline copies the channel to as many as the network takes.</remarks>
public sealed record Grayscale : IImageTransform
{
    /// <inheritdoc/>
    public PixelImage Apply(PixelImage image, ref SampleRandom random)
    {
        ArgumentNullException.ThrowIfNull(image);
        return Convert(image);
    }

    /// <summary>Prints the name.</summary>
    public override string ToString() => "Grayscale";

    /// <summary>The luma of an image; a gray image itself.</summary>
    internal static PixelImage Convert(PixelImage image)
    {
        if (image.Channels == 1) return image;
        var gray = GC.AllocateUninitializedArray<byte>(image.Width * image.Height);
        var rgb = image.Pixels;
        for (int i = 0, p = 0; i < gray.Length; i++, p += 3) gray[i] = Luma(rgb[p], rgb[p + 1], rgb[p + 2]);
        return new PixelImage(image.Width, image.Height, 1, gray);
    }

    /// <summary>Three equal channels of a gray image; a colour image itself.</summary>
    internal static PixelImage ToRgb(PixelImage image)
    {
        if (image.Channels == 3) return image;
        var rgb = GC.AllocateUninitializedArray<byte>(checked(image.Pixels.Length * 3));
        for (int i = 0, p = 0; i < rgb.Length; i += 3, p++) rgb[i] = rgb[i + 1] = rgb[i + 2] = image.Pixels[p];
        return new PixelImage(image.Width, image.Height, 3, rgb);
    }

    /// <summary>The luma of one pixel.</summary>
    internal static byte Luma(byte red, byte green, byte blue) => (byte)((19595 * red + 38470 * green + 7471 * blue + 32768) >> 16);
}

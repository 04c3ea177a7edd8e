namespace MedPeft.Lora.Imaging;

/// <summary>Operations that look each byte up in a table, or blend with a plainer version of the image, as Pillow's ImageOps and ImageEnhance do.</summary>
internal static class ToneCurve
{
    public static PixelImage Invert(PixelImage image) => Map(image, v => 255 - v);

    public static PixelImage Posterize(PixelImage image, int bits) => bits >= 8 ? image : Map(image, v => v & ~((1 << (8 - bits)) - 1));

    public static PixelImage Solarize(PixelImage image, int threshold) => Map(image, v => v < threshold ? v : 255 - v);

    public static PixelImage SolarizeAdd(PixelImage image, int add) => Map(image, v => v < 128 ? Math.Min(255, v + add) : v);

    public static PixelImage AutoContrast(PixelImage image) => MapChannels(image, histogram =>
    {
        var (low, high) = (Array.FindIndex(histogram, n => n > 0), Array.FindLastIndex(histogram, n => n > 0));
        if (high <= low) return null;
        var scale = 255.0 / (high - low);
        var offset = -low * scale;
        return v => (int)(v * scale + offset);
    });

    public static PixelImage Equalize(PixelImage image) => MapChannels(image, histogram =>
    {
        var used = histogram.Where(n => n > 0).ToArray();
        var step = used.Length <= 1 ? 0 : (used.Sum() - used[^1]) / 255;
        if (step == 0) return null;
        var table = new int[256];
        var n = step / 2;
        for (var v = 0; v < 256; n += histogram[v++]) table[v] = n / step;
        return v => table[v];
    });

    public static PixelImage Brightness(PixelImage image, double factor) => Map(image, v => Blend(0, v, (float)factor));

    public static PixelImage Contrast(PixelImage image, double factor)
    {
        var gray = Grayscale.Convert(image).Pixels;
        var sum = 0L;
        foreach (var v in gray) sum += v;
        var mean = (int)((double)sum / gray.Length + 0.5);
        return Map(image, v => Blend(mean, v, (float)factor));
    }

    public static PixelImage Color(PixelImage image, double factor)
    {
        if (image.Channels == 1) return image;
        var gray = Grayscale.Convert(image).Pixels;
        var result = new byte[image.Pixels.Length];
        for (var i = 0; i < result.Length; i++) result[i] = Blend(gray[i / 3], image.Pixels[i], (float)factor);
        return new PixelImage(image.Width, image.Height, 3, result);
    }

    public static PixelImage Sharpness(PixelImage image, double factor)
    {
        var (pixels, step, stride) = (image.Pixels, image.Channels, image.Width * image.Channels);
        var result = (byte[])pixels.Clone();
        // The smoothing leaves the outermost pixels alone, and a blend of a pixel with itself changes nothing.
        for (var y = 1; y < image.Height - 1; y++)
        {
            for (var i = y * stride + step; i < (y + 1) * stride - step; i++)
            {
                var around = pixels[i - stride - step] + pixels[i - stride] + pixels[i - stride + step] + pixels[i - step]
                    + pixels[i + step] + pixels[i + stride - step] + pixels[i + stride] + pixels[i + stride + step];
                // (around + 5 centre) / 13, rounded; a half cannot occur, so floats and integers agree.
                var smooth = (2 * (around + 5 * pixels[i]) + 13) / 26;
                result[i] = Blend(smooth, pixels[i], (float)factor);
            }
        }

        return new PixelImage(image.Width, image.Height, step, result);
    }

    // Pillow's blend: float32 throughout, cut to the byte.
    private static byte Blend(int plain, int value, float factor)
    {
        var blended = plain + factor * (value - plain);
        return blended <= 0 ? (byte)0 : blended >= 255 ? (byte)255 : (byte)blended;
    }

    private static PixelImage Map(PixelImage image, Func<int, int> curve)
    {
        Span<byte> table = stackalloc byte[256];
        Fill(table, curve);
        var result = GC.AllocateUninitializedArray<byte>(image.Pixels.Length);
        for (var i = 0; i < result.Length; i++) result[i] = table[image.Pixels[i]];
        return new PixelImage(image.Width, image.Height, image.Channels, result);
    }

    private static PixelImage MapChannels(PixelImage image, Func<int[], Func<int, int>?> curveOf)
    {
        var result = (byte[])image.Pixels.Clone();
        Span<byte> table = stackalloc byte[256];
        for (var c = 0; c < image.Channels; c++)
        {
            var histogram = new int[256];
            for (var i = c; i < result.Length; i += image.Channels) histogram[result[i]]++;
            if (curveOf(histogram) is not { } curve) continue;
            Fill(table, curve);
            for (var i = c; i < result.Length; i += image.Channels) result[i] = table[result[i]];
        }

        return new PixelImage(image.Width, image.Height, image.Channels, result);
    }

    private static void Fill(Span<byte> table, Func<int, int> curve)
    {
        for (var v = 0; v < 256; v++) table[v] = (byte)Math.Clamp(curve(v), 0, 255);
    }
}

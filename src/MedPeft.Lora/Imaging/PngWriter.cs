using System.Runtime.InteropServices;
using SkiaSharp;

namespace MedPeft.Lora.Imaging;

/// <summary>Writes PNG files: gray images as gray, others as RGB.</summary>
internal static class PngWriter
{
    /// <summary>Writes beside the target first and then renames, so that a file of that name is always whole.</summary>
    public static void Save(PixelImage image, string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var full = Path.GetFullPath(path);
        var temporary = $"{full}.{Guid.NewGuid():N}.tmp";
        try
        {
            File.WriteAllBytes(temporary, Encode(image));
            File.Move(temporary, full, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    /// <summary>The bytes of the PNG file.</summary>
    public static unsafe byte[] Encode(PixelImage image)
    {
        if (image.Channels == 1)
            fixed (byte* gray = image.Pixels) return Encode(image, SKColorType.Gray8, gray);
        var count = (nuint)image.Width * (nuint)image.Height;
        var rgba = (byte*)NativeMemory.Alloc(count, 4);
        try
        {
            for (nuint i = 0, p = 0; i < 4 * count; i += 4, p += 3)
                (rgba[i], rgba[i + 1], rgba[i + 2], rgba[i + 3]) = (image.Pixels[p], image.Pixels[p + 1], image.Pixels[p + 2], 255);
            return Encode(image, SKColorType.Rgba8888, rgba);
        }
        finally
        {
            NativeMemory.Free(rgba);
        }
    }

    private static unsafe byte[] Encode(PixelImage image, SKColorType type, byte* pixels)
    {
        using var map = new SKPixmap(new SKImageInfo(image.Width, image.Height, type, SKAlphaType.Opaque, null), (nint)pixels);
        using var data = map.Encode(SKEncodedImageFormat.Png, 100)
            ?? throw new InvalidOperationException($"Encoding {image.Width}x{image.Height} pixels as PNG failed. Save a smaller image.");
        return data.ToArray();
    }
}

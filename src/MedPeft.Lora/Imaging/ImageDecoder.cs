using System.Runtime.InteropServices;
using SkiaSharp;

namespace MedPeft.Lora.Imaging;

/// <summary>Decodes PNG and JPEG files to the bytes that Pillow's <c>convert('RGB')</c> gives, one channel where the file is gray; and DICOM files as <see cref="DicomFile"/> does.</summary>
/// <remarks>
/// What a file is, its first bytes say, not its name. Alpha is dropped, not multiplied in; colour profiles are ignored; 16-bit samples of PNG keep
/// their high byte (Pillow does so for colour, and cuts gray off at 255).
/// A file is checked against <see cref="ImageLimits"/> before anything is allocated for it, and one that ends early is an error.
/// </remarks>
public static class ImageDecoder
{
    /// <summary>Reads an image file.</summary>
    /// <param name="path">A PNG, JPEG or DICOM file.</param>
    /// <param name="limits">What the file may claim; <see cref="ImageLimits.Default"/> if null.</param>
    /// <param name="dicom">How a DICOM file becomes 8 bits; <see cref="DicomOptions.Default"/> if null.</param>
    /// <returns>Its pixels: one channel for gray files, else three.</returns>
    /// <exception cref="ImageException">The file is missing, damaged, too large or of another kind.</exception>
    public static PixelImage Decode(string path, ImageLimits? limits = null, DicomOptions? dicom = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return DecodeOwned(Read(path, (limits ?? ImageLimits.Default).MaxFileBytes), path, limits, dicom);
    }

    /// <summary>Decodes an image in memory.</summary>
    /// <param name="data">The bytes of a PNG, JPEG or DICOM file.</param>
    /// <param name="name">The name that errors give to it.</param>
    /// <param name="limits">What the file may claim; <see cref="ImageLimits.Default"/> if null.</param>
    /// <param name="dicom">How a DICOM file becomes 8 bits; <see cref="DicomOptions.Default"/> if null.</param>
    /// <returns>Its pixels: one channel for gray files, else three.</returns>
    /// <exception cref="ImageException">The data is damaged, too large or of another kind.</exception>
    public static PixelImage Decode(ReadOnlySpan<byte> data, string name, ImageLimits? limits = null, DicomOptions? dicom = null)
    {
        ArgumentNullException.ThrowIfNull(name);
        limits ??= ImageLimits.Default;
        if (data.Length > limits.MaxFileBytes) throw TooLong(name, data.Length, limits.MaxFileBytes);
        return DicomFile.IsDicom(data) ? DicomFile.ReadOwned(data.ToArray(), name, limits).Render(dicom) : DecodeNatural(data, name, limits);
    }

    /// <summary>Decodes bytes that nobody else looks at: of a DICOM file, what lies around the pixels is wiped.</summary>
    internal static PixelImage DecodeOwned(byte[] data, string name, ImageLimits? limits, DicomOptions? dicom)
        => DicomFile.IsDicom(data) ? DicomFile.ReadOwned(data, name, limits).Render(dicom) : Decode(data, name, limits, dicom);

    private static PixelImage DecodeNatural(ReadOnlySpan<byte> data, string name, ImageLimits limits)
    {
        var header = ImageHeader.Read(data, name);
        limits.Check(name, header.Width, header.Height);
        if (!header.IsPng && header.Bits != 8)
            throw new ImageException(name, $"is a JPEG image of {header.Bits} bits a sample; 8 are read here. Convert it to a 16-bit PNG image.");
        return DecodePixels(data, name, header);
    }

    private static byte[] Read(string path, long limit)
    {
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 0);
            if (stream.Length > Math.Min(limit, Array.MaxLength)) throw TooLong(path, stream.Length, limit);
            var data = GC.AllocateUninitializedArray<byte>((int)stream.Length);
            stream.ReadExactly(data);
            return data;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ImageException(path, "does not exist. Check the data set's root folder and the list that names it.", e);
        }
        catch (EndOfStreamException e)
        {
            throw new ImageException(path, "became shorter while it was read. Wait until it is written, then run again.", e);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException or NotSupportedException)
        {
            throw Directory.Exists(path)
                ? new ImageException(path, "is a folder; an image file belongs here.", e)
                : new ImageException(path, $"cannot be read: {e.Message}", e);
        }
    }

    private static unsafe PixelImage DecodePixels(ReadOnlySpan<byte> data, string name, ImageHeader header)
    {
        fixed (byte* bytes = data) return GrayPng.TryDecode(bytes, data.Length, header) ?? DecodeBySkia(data, name, header);
    }

    /// <summary>The general decoder, for every kind of file that is read here.</summary>
    internal static unsafe PixelImage DecodeBySkia(ReadOnlySpan<byte> data, string name, ImageHeader header)
    {
        fixed (byte* bytes = data)
        {
            using var source = SKData.Create((nint)bytes, data.Length);
            using var codec = SKCodec.Create(source) ?? throw Damaged(name, "its header cannot be read");
            // The decoder's own idea of the size decides what it writes, so it must be the one that was checked.
            if (codec.Info.Width != header.Width || codec.Info.Height != header.Height) throw Damaged(name, "it gives two sizes");
            var (width, height) = (codec.Info.Width, codec.Info.Height);
            if (header.IsGray && codec.Info.ColorType == SKColorType.Gray8)
            {
                var gray = PixelBuffers.Take(width * height);
                var info = new SKImageInfo(width, height, SKColorType.Gray8, SKAlphaType.Opaque, null);
                fixed (byte* target = gray) Decode(codec, info, target, name, data.Length);
                return new PixelImage(width, height, 1, gray);
            }

            var wide = (byte*)NativeMemory.Alloc((nuint)width * (nuint)height, 4);
            try
            {
                // Premultiplied, a transparent pixel would lose its colour, which Pillow keeps.
                Decode(codec, new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul, null), wide, name, data.Length);
                return Narrow(wide, width, height, header.IsGray ? 1 : 3);
            }
            finally
            {
                NativeMemory.Free(wide);
            }
        }
    }

    private static unsafe void Decode(SKCodec codec, SKImageInfo info, byte* target, string name, int length)
    {
        var result = codec.GetPixels(info, (nint)target);
        if (result == SKCodecResult.IncompleteInput) throw ImageHeader.Truncated(name, length);
        if (result != SKCodecResult.Success) throw Damaged(name, $"its pixels cannot be decoded ({result})");
    }

    private static unsafe PixelImage Narrow(byte* rgba, int width, int height, int channels)
    {
        var pixels = GC.AllocateUninitializedArray<byte>(checked(width * height * channels));
        if (channels == 1)
            for (var i = 0; i < pixels.Length; i++, rgba += 4) pixels[i] = *rgba;
        else
            for (var i = 0; i < pixels.Length; i += 3, rgba += 4) (pixels[i], pixels[i + 1], pixels[i + 2]) = (rgba[0], rgba[1], rgba[2]);
        return new PixelImage(width, height, channels, pixels);
    }

    private static ImageException Damaged(string name, string problem) => new(name, $"is damaged: {problem}. Fetch it again.");

    private static ImageException TooLong(string name, long bytes, long limit)
        => new(name, Text.Of($"has {bytes:N0} bytes; the limit is {limit:N0}. If the file can be trusted, raise ImageLimits.MaxFileBytes."));
}

using System.Buffers.Binary;
using System.IO.Compression;
using MedPeft.Lora.Imaging;
using SkiaSharp;

namespace MedPeft.Lora.Tests.Imaging;

/// <summary>Small images and files made on the spot.</summary>
internal static class TestImages
{
    /// <summary>Noise from a seed.</summary>
    public static PixelImage Noise(int width, int height, int channels, ulong seed = 1)
    {
        var random = new SampleRandom(seed);
        var pixels = new byte[width * height * channels];
        for (var i = 0; i < pixels.Length; i++) pixels[i] = (byte)random.NextInt(0, 255);
        return new PixelImage(width, height, channels, pixels);
    }

    /// <summary>The same gray three times.</summary>
    public static PixelImage AsRgb(PixelImage gray)
    {
        var pixels = new byte[gray.Pixels.Length * 3];
        for (var i = 0; i < pixels.Length; i++) pixels[i] = gray.Pixels[i / 3];
        return new PixelImage(gray.Width, gray.Height, 3, pixels);
    }

    /// <summary>A PNG file of any colour type and bit depth; rows are the samples as the file stores them, filter 0.</summary>
    public static byte[] Png(int width, int height, int colorType, int bits, byte[] rows, params (string Type, byte[] Data)[] chunks)
        => File(Header(width, height, colorType, bits), Stored(rows, height), int.MaxValue, chunks);

    /// <summary>A PNG file whose pixels are spread over chunks of a size, or whose header claims another height.</summary>
    public static byte[] Png(int width, int height, int colorType, int bits, byte[] rows, int chunkSize = int.MaxValue, int? declaredHeight = null)
        => File(Header(width, declaredHeight ?? height, colorType, bits), Stored(rows, height), chunkSize);

    /// <summary>A gray PNG file with a filter of choice for each row.</summary>
    public static byte[] Filtered(PixelImage image, Func<int, int> filterOfRow)
    {
        var (width, pixels) = (image.Width, image.Pixels);
        var raw = new byte[(width + 1) * image.Height];
        for (var y = 0; y < image.Height; y++)
        {
            var filter = filterOfRow(y);
            raw[y * (width + 1)] = (byte)filter;
            for (var x = 0; x < width; x++)
            {
                int left = x > 0 ? pixels[y * width + x - 1] : 0, up = y > 0 ? pixels[(y - 1) * width + x] : 0, corner = x > 0 && y > 0 ? pixels[(y - 1) * width + x - 1] : 0;
                var predicted = filter switch { 0 => 0, 1 => left, 2 => up, 3 => (left + up) / 2, _ => Paeth(left, up, corner) };
                raw[y * (width + 1) + 1 + x] = (byte)(pixels[y * width + x] - predicted);
            }
        }

        return File(Header(width, image.Height, 0, 8), raw, int.MaxValue);
    }

    /// <summary>A PNG file of an 8-bit image.</summary>
    public static byte[] Png(PixelImage image) => Png(image.Width, image.Height, image.Channels == 1 ? 0 : 2, 8, image.Pixels, []);

    /// <summary>A JPEG file.</summary>
    public static unsafe byte[] Jpeg(PixelImage image, int quality = 90)
    {
        var type = image.Channels == 1 ? SKColorType.Gray8 : SKColorType.Rgba8888;
        var pixels = image.Channels == 1 ? image.Pixels : Rgba(image);
        fixed (byte* p = pixels)
        {
            using var map = new SKPixmap(new SKImageInfo(image.Width, image.Height, type, SKAlphaType.Opaque), (nint)p);
            using var data = map.Encode(SKEncodedImageFormat.Jpeg, quality);
            return data!.ToArray();
        }
    }

    // The specification's own words: the nearest of the three, ties to left, then up.
    private static int Paeth(int left, int up, int corner)
    {
        var estimate = left + up - corner;
        var (toLeft, toUp, toCorner) = (Math.Abs(estimate - left), Math.Abs(estimate - up), Math.Abs(estimate - corner));
        if (toLeft <= toUp && toLeft <= toCorner) return left;
        return toUp <= toCorner ? up : corner;
    }

    private static byte[] Stored(byte[] rows, int height)
    {
        if (height < 1) return rows;
        var stride = rows.Length / height;
        return [.. Enumerable.Range(0, height).SelectMany(y => rows[(y * stride)..((y + 1) * stride)].Prepend((byte)0))];
    }

    private static byte[] File(byte[] header, byte[] raw, int chunkSize, params (string Type, byte[] Data)[] chunks)
    {
        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Optimal, true)) zlib.Write(raw);
        using var file = new MemoryStream();
        file.Write([0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10]);
        Chunk(file, "IHDR", header);
        foreach (var (type, data) in chunks) Chunk(file, type, data);
        foreach (var part in packed.ToArray().Chunk(chunkSize)) Chunk(file, "IDAT", part);
        Chunk(file, "IEND", []);
        return file.ToArray();
    }

    private static byte[] Rgba(PixelImage image)
    {
        var rgba = new byte[image.Width * image.Height * 4];
        for (int i = 0, p = 0; i < rgba.Length; i += 4, p += 3)
            (rgba[i], rgba[i + 1], rgba[i + 2], rgba[i + 3]) = (image.Pixels[p], image.Pixels[p + 1], image.Pixels[p + 2], 255);
        return rgba;
    }

    private static byte[] Header(int width, int height, int colorType, int bits)
    {
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        (header[8], header[9]) = ((byte)bits, (byte)colorType);
        return header;
    }

    private static void Chunk(Stream file, string type, byte[] data)
    {
        byte[] body = [.. System.Text.Encoding.ASCII.GetBytes(type), .. data];
        var word = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(word, data.Length);
        file.Write(word);
        file.Write(body);
        BinaryPrimitives.WriteUInt32BigEndian(word, Crc(body));
        file.Write(word);
    }

    private static uint Crc(byte[] data)
    {
        var crc = uint.MaxValue;
        foreach (var b in data)
        {
            crc ^= b;
            for (var i = 0; i < 8; i++) crc = (crc >> 1) ^ (0xEDB88320 & (0 - (crc & 1)));
        }

        return ~crc;
    }
}

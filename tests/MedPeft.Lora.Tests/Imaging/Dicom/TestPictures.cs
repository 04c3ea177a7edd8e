using MedPeft.Lora.Imaging;
using MedPeft.Lora.Tests.Imaging.Dicom.Writers;

namespace MedPeft.Lora.Tests.Imaging.Dicom;

/// <summary>Pictures that take a codec through all its modes: a ramp, a flat part, an edge, noise and the extremes.</summary>
internal static class TestPictures
{
    /// <summary>[height, width, samples], values of <paramref name="bits"/> bits.</summary>
    public static ushort[] Make(int width, int height, int samples, int bits, int seed = 1)
    {
        var random = new Random(seed);
        var top = (1 << bits) - 1;
        var pixels = new ushort[width * height * samples];
        for (var i = 0; i < pixels.Length; i++)
        {
            var (x, y, sample) = (i / samples % width, i / samples / width, i % samples);
            double value = (double)((x * 2) + (y * 3) + (sample * 7)) / ((2 * width) + (3 * height) + 21) * top;
            if (y < height / 4) value = sample;
            else if (y < height / 2 && x > width / 2) value = random.NextDouble() * (top + 1);
            else if (y > height * 3 / 4) value = x < width / 3 ? top : 0;
            else value += (random.NextDouble() - 0.5) * top / 64;
            pixels[i] = (ushort)Math.Clamp(value, 0, top);
        }

        return pixels;
    }

    /// <summary>The stored values of a file's first frame, with their signs.</summary>
    public static int[] Stored(byte[] file, int frame = 0)
    {
        var decoded = DicomFile.Parse(file, "test.dcm").Decode(frame, out _);
        return [.. decoded.Values.Select(value => decoded.Number(value))];
    }

    public static int[] Stored(DicomWriter writer, int frame = 0) => Stored(writer.ToArray(), frame);

    public static int[] ToInts(ushort[] pixels) => [.. pixels.Select(pixel => (int)pixel)];

    public static FragmentList Fragment(params byte[][] fragments) => new([], fragments);

    public static byte[] Bytes(ushort[] pixels) => [.. pixels.Select(pixel => (byte)pixel)];

    public static string Problem(Func<object?> read) => Assert.Throws<ImageException>(read).Problem;

    public static string Problem(DicomWriter writer) => Problem(writer.ToArray());

    public static string Problem(byte[] file, DicomOptions? options = null) => Problem(() => DicomFile.Parse(file, "test.dcm").Render(options));
}

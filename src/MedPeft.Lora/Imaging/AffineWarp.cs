using System.Globalization;

namespace MedPeft.Lora.Imaging;

/// <summary>Rotates, shears and shifts as Pillow's <c>Image.transform(AFFINE)</c> does, byte for byte.</summary>
/// <remarks>
/// A result pixel whose source lies outside the image takes the fill color; one near the edge repeats the edge. Nothing is antialiased, and
/// bytes are cut, not rounded.
/// </remarks>
internal static class AffineWarp
{
    /// <summary>Turns about the middle, counter-clockwise.</summary>
    public static PixelImage Rotate(PixelImage image, double degrees, Interpolation interpolation, ReadOnlySpan<byte> fill)
    {
        degrees -= 360 * Math.Floor(degrees / 360);
        if (degrees == 0) return image;
        var angle = -(degrees * (Math.PI / 180));
        var (cos, sin, minusSin) = (Round15(Math.Cos(angle)), Round15(Math.Sin(angle)), Round15(-Math.Sin(angle)));
        var (x, y) = (image.Width / 2.0, image.Height / 2.0);
        return Warp(image, new Matrix(cos, sin, cos * -x + sin * -y + 0.0 + x, minusSin, cos, minusSin * -x + cos * -y + 0.0 + y), interpolation, fill);
    }

    /// <summary>Maps each result pixel (x, y) to the source at (a x + b y + c, d x + e y + f).</summary>
    public static PixelImage Warp(PixelImage image, Matrix matrix, Interpolation interpolation, ReadOnlySpan<byte> fill)
    {
        var channels = image.Channels;
        var result = GC.AllocateUninitializedArray<byte>(image.Pixels.Length);
        var at = 0;
        for (var y = 0; y < image.Height; y++)
        {
            var yin = y + 0.5;
            for (var x = 0; x < image.Width; x++, at += channels)
            {
                var xin = x + 0.5;
                var sourceX = matrix.A * xin + matrix.B * yin + matrix.C;
                var sourceY = matrix.D * xin + matrix.E * yin + matrix.F;
                var target = result.AsSpan(at, channels);
                // Written so that NaN counts as outside.
                if (!(sourceX >= 0 && sourceX < image.Width && sourceY >= 0 && sourceY < image.Height)) fill.CopyTo(target);
                else if (interpolation == Interpolation.Bicubic) Cubic(image, sourceX - 0.5, sourceY - 0.5, target);
                else Linear(image, sourceX - 0.5, sourceY - 0.5, target);
            }
        }

        return new PixelImage(image.Width, image.Height, channels, result);
    }

    private static void Cubic(PixelImage image, double atX, double atY, Span<byte> target)
    {
        var (x, y) = ((int)Math.Floor(atX), (int)Math.Floor(atY));
        var (dx, dy) = (atX - x, atY - y);
        var (channels, right) = (image.Channels, image.Width - 1);
        var x0 = Math.Clamp(x - 1, 0, right) * channels;
        var x1 = Math.Clamp(x, 0, right) * channels;
        var x2 = Math.Clamp(x + 1, 0, right) * channels;
        var x3 = Math.Clamp(x + 2, 0, right) * channels;
        Span<double> v = stackalloc double[4];
        for (var c = 0; c < channels; c++)
        {
            for (var i = 0; i < 4; i++)
            {
                // A row above the image repeats the first one; one below repeats the row before it.
                var row = y - 1 + i;
                if (i > 0 && (row < 0 || row >= image.Height))
                {
                    v[i] = v[i - 1];
                    continue;
                }

                var line = image.Pixels.AsSpan(Math.Clamp(row, 0, image.Height - 1) * image.Width * channels + c);
                v[i] = Cubic(line[x0], line[x1], line[x2], line[x3], dx);
            }

            var value = Cubic(v[0], v[1], v[2], v[3], dy);
            target[c] = value <= 0 ? (byte)0 : value >= 255 ? (byte)255 : (byte)value;
        }
    }

    private static double Cubic(double v1, double v2, double v3, double v4, double d)
    {
        var p2 = -v1 + v3;
        var p3 = 2 * (v1 - v2) + v3 - v4;
        var p4 = -v1 + v2 - v3 + v4;
        return v2 + d * (p2 + d * (p3 + d * p4));
    }

    private static void Linear(PixelImage image, double atX, double atY, Span<byte> target)
    {
        var (x, y) = ((int)Math.Floor(atX), (int)Math.Floor(atY));
        var (dx, dy) = (atX - x, atY - y);
        var channels = image.Channels;
        var x0 = Math.Clamp(x, 0, image.Width - 1) * channels;
        var x1 = Math.Clamp(x + 1, 0, image.Width - 1) * channels;
        var top = image.Pixels.AsSpan(Math.Clamp(y, 0, image.Height - 1) * image.Width * channels);
        var below = y + 1 >= 0 && y + 1 < image.Height ? image.Pixels.AsSpan((y + 1) * image.Width * channels) : top;
        for (var c = 0; c < channels; c++)
        {
            var v1 = top[x0 + c] + dx * (top[x1 + c] - top[x0 + c]);
            var v2 = below[x0 + c] + dx * (below[x1 + c] - below[x0 + c]);
            target[c] = (byte)(v1 + dy * (v2 - v1));
        }
    }

    // Python's round(value, 15) is exact decimal rounding, which Math.Round is not.
    private static double Round15(double value) => double.Parse(value.ToString("F15", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);

    /// <summary>The six numbers of an affine map from result to source.</summary>
    public readonly record struct Matrix(double A, double B, double C, double D, double E, double F);
}

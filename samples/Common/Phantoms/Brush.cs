namespace MedPeft.Samples.Phantoms;

/// <summary>Draws lines of varying width into a field, soft at the edges and without bright joints.</summary>
internal sealed class Brush(Frame frame)
{
    private readonly float[] nearest = Filled(frame.Size * frame.Size);
    private readonly float[] strength = new float[frame.Size * frame.Size];
    private int top = int.MaxValue;
    private int bottom = -1;

    /// <summary>Adds one tapering segment, in centimetres, to the pending stroke.</summary>
    public void Line(float x0, float y0, float x1, float y1, float halfWidth0, float halfWidth1, float strength0, float strength1)
    {
        var (ax, ay) = frame.ToPixel(x0, y0);
        var (bx, by) = frame.ToPixel(x1, y1);
        float dx = bx - ax, dy = by - ay, length = Math.Max((dx * dx) + (dy * dy), 1e-6f);
        (float w0, float s0) = AtLeastAPixel(halfWidth0, strength0);
        (float w1, float s1) = AtLeastAPixel(halfWidth1, strength1);
        var reach = Math.Max(w0, w1) + 1;
        int left = Math.Max(0, (int)(Math.Min(ax, bx) - reach)), right = Math.Min(frame.Size - 1, (int)(Math.Max(ax, bx) + reach));
        int first = Math.Max(0, (int)(Math.Min(ay, by) - reach)), last = Math.Min(frame.Size - 1, (int)(Math.Max(ay, by) + reach));
        if (left > right || first > last) return;
        top = Math.Min(top, first);
        bottom = Math.Max(bottom, last);
        for (var row = first; row <= last; row++)
        {
            for (var column = left; column <= right; column++)
            {
                float px = column + .5f - ax, py = row + .5f - ay;
                var t = Math.Clamp(((px * dx) + (py * dy)) / length, 0, 1);
                float ex = px - (t * dx), ey = py - (t * dy), width = w0 + (t * (w1 - w0));
                var q = ((ex * ex) + (ey * ey)) / (width * width);
                var i = (row * frame.Size) + column;
                if (q >= nearest[i]) continue;
                nearest[i] = q;
                strength[i] = s0 + (t * (s1 - s0));
            }
        }
    }

    /// <summary>Ends the stroke: adds its cross section (of 0 at the centre line, 1 at the edge) to a field, where the mask lets it.</summary>
    public void Add(float[] field, Func<float, float> section, float[]? mask = null)
    {
        for (var row = Math.Max(top, 0); row <= bottom; row++)
        {
            for (var i = row * frame.Size; i < (row + 1) * frame.Size; i++)
            {
                if (nearest[i] == float.MaxValue) continue;
                if (nearest[i] < 1) field[i] += strength[i] * section(MathF.Sqrt(nearest[i])) * (mask is null ? 1 : mask[i]);
                nearest[i] = float.MaxValue;
            }
        }

        top = int.MaxValue;
        bottom = -1;
    }

    /// <summary>A tube or a ball: the path through it.</summary>
    public static float Round(float q) => MathF.Sqrt(1 - (q * q));

    /// <summary>No edge at all.</summary>
    public static float Soft(float q) => (1 - (q * q)) * (1 - (q * q));

    /// <summary>A rib: spongy inside, a bright shell near the edge.</summary>
    public static float Rib(float q) => Anatomy.Smooth((1 - q) / .3f) * (.62f + (.55f * q * q * q * q));

    private (float Width, float Strength) AtLeastAPixel(float halfWidth, float value)
    {
        var pixels = halfWidth * frame.PixelsPerCm;
        return pixels >= .8f ? (pixels, value) : (.8f, value * pixels / .8f);
    }

    private static float[] Filled(int count)
    {
        var values = new float[count];
        Array.Fill(values, float.MaxValue);
        return values;
    }
}

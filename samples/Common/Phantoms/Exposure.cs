namespace MedPeft.Samples.Phantoms;

/// <summary>From tissue to gray levels: scatter, quantum and electronic noise, the detector's blur, the film's curve, the marker.</summary>
internal static class Exposure
{
    private const int CurveSteps = 1024;

    public static byte[] Develop(Film film, PhantomCase who)
    {
        var dice = Dice.For(who.Exposure, "exposure");
        var size = film.Frame.Size;
        // One pixel of a small picture collects the photons of many: its noise falls with its side.
        var noise = dice.Range(.7, 1.4) * size / 1024f;
        float window = dice.Gauss(1, .05), gamma = dice.Gauss(1.75, .1), ramp = dice.Gauss(0, .02), fog = dice.Range(0, .03);
        var gray = new float[size * size];
        for (var i = 0; i < gray.Length; i++)
        {
            var air = film.Air[i] * Tissue.AirContrast * (1 - film.Filled[i]);
            var density = film.Density[i] - air;
            density *= 1 + (ramp * (((i % size) / (float)size) - .5f));
            // Photons fall off exponentially with density, so the relative noise grows with its square root.
            density += noise * ((.009f * MathF.Exp(.9f * density)) + .006f) * dice.Grain();
            gray[i] = Math.Max(0, density);
        }

        Blur(gray, size, Math.Clamp(size / 1024f, .12f, .5f) * dice.Range(.6, 1.2));
        var curve = new byte[3 * CurveSteps];
        for (var k = 0; k < curve.Length; k++)
        {
            var value = 1 - MathF.Exp(-MathF.Pow((k + .5f) / CurveSteps * window / .64f, gamma));
            curve[k] = (byte)Math.Clamp(MathF.Round(255 * (fog + ((1 - fog) * value))), 0, 255);
        }

        var pixels = new byte[gray.Length];
        for (var i = 0; i < gray.Length; i++)
        {
            pixels[i] = curve[Math.Min((int)(gray[i] * CurveSteps), curve.Length - 1)];
        }

        Marker(pixels, film.Frame, dice, who.Ap);
        return pixels;
    }

    /// <summary>Three taps, both ways; amount 0 leaves the picture alone.</summary>
    private static void Blur(float[] gray, int size, float amount)
    {
        var side = amount / 3;
        var line = new float[size];
        for (var pass = 0; pass < 2; pass++)
        {
            for (var k = 0; k < size; k++)
            {
                int start = pass == 0 ? k * size : k, step = pass == 0 ? 1 : size;
                for (var j = 0; j < size; j++) line[j] = gray[start + (j * step)];
                for (var j = 0; j < size; j++)
                {
                    gray[start + (j * step)] = ((1 - (2 * side)) * line[j]) + (side * (line[Math.Max(0, j - 1)] + line[Math.Min(size - 1, j + 1)]));
                }
            }
        }
    }

    /// <summary>The lead letter L at the patient's left, as technicians lay it on the cassette.</summary>
    private static void Marker(byte[] pixels, Frame frame, Dice dice, bool ap)
    {
        var letter = new float[pixels.Length];
        var brush = new Brush(frame);
        float x = dice.Range(16, 18.5), y = dice.Range(1.2, 3), tilt = dice.Gauss(0, .12);
        brush.Line(x, y, x - (tilt * 1.3f), y + 1.3f, .15f, .15f, 1, 1);
        brush.Line(x - (tilt * 1.3f), y + 1.3f, x - (tilt * 1.3f) + .8f, y + 1.3f + (tilt * .8f), .15f, .15f, 1, 1);
        if (ap) brush.Line(x - .9f, y + 2.1f, x + 1.3f, y + 2.1f, .12f, .12f, .9f, .9f);
        brush.Add(letter, q => Math.Clamp((1 - q) * 3, 0, 1));
        for (var i = 0; i < letter.Length; i++) pixels[i] = (byte)Math.Max(pixels[i], 235 * Math.Min(letter[i], 1));
    }
}

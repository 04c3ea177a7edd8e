namespace MedPeft.Samples.Phantoms;

/// <summary>What the beam meets in every pixel: tissue adds up, air in the lungs takes away, and disease fills the air.</summary>
internal sealed class Film(Frame frame)
{
    /// <summary>The detector.</summary>
    public Frame Frame { get; } = frame;

    /// <summary>Tissue and bone, in units of a body's thickness.</summary>
    public float[] Density { get; } = new float[frame.Size * frame.Size];

    /// <summary>Share of air along the beam, before disease.</summary>
    public float[] Air { get; } = new float[frame.Size * frame.Size];

    /// <summary>Share of that air which is filled: 0 healthy, 1 solid, below 0 more air than a healthy lung.</summary>
    public float[] Filled { get; } = new float[frame.Size * frame.Size];

    /// <summary>What the opacities that RSNA draws boxes around filled, for those who want boxes; otherwise null.</summary>
    public float[]? Opacity { get; init; }

    /// <summary>How much of the lung's vessels is to be seen: 1, or 0 where there is no lung.</summary>
    public float[] Lung { get; } = new float[frame.Size * frame.Size];

    /// <summary>Calls back for every pixel of a box around a place.</summary>
    public void Around(float x, float y, float radius, Action<int, float, float> pixel)
    {
        var (centerX, centerY) = Frame.ToPixel(x, y);
        var reach = radius * Frame.PixelsPerCm;
        for (var row = Math.Max(0, (int)(centerY - reach)); row <= Math.Min(Frame.Size - 1, (int)(centerY + reach)); row++)
        {
            for (var column = Math.Max(0, (int)(centerX - reach)); column <= Math.Min(Frame.Size - 1, (int)(centerX + reach)); column++)
            {
                var (u, v) = Frame.ToCm(column, row);
                pixel((row * Frame.Size) + column, u, v);
            }
        }
    }

    /// <summary>Calls back for every pixel.</summary>
    public void Everywhere(Action<int, float, float> pixel)
    {
        for (int row = 0, i = 0; row < Frame.Size; row++)
        {
            for (var column = 0; column < Frame.Size; column++, i++)
            {
                var (x, y) = Frame.ToCm(column, row);
                pixel(i, x, y);
            }
        }
    }

    /// <summary>Fills a share of the air that is left in a pixel.</summary>
    public void Fill(int pixel, float share) => Filled[pixel] += Math.Clamp(share, 0, 1) * (1 - Math.Max(Filled[pixel], 0));
}

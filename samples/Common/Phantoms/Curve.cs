namespace MedPeft.Samples.Phantoms;

/// <summary>A smooth function of one variable through given points (monotone cubic, Fritsch and Carlson 1980), tabulated once.</summary>
internal sealed class Curve
{
    private const int Cells = 256;
    private readonly float start;
    private readonly float perCell;
    private readonly float[] table = new float[Cells + 1];

    public Curve(params ReadOnlySpan<(float X, float Y)> points)
    {
        start = points[0].X;
        perCell = (points[^1].X - start) / Cells;
        var slopes = Slopes(points);
        for (int i = 0, k = 0; i <= Cells; i++)
        {
            var x = start + (i * perCell);
            while (k < points.Length - 2 && x > points[k + 1].X) k++;
            var width = points[k + 1].X - points[k].X;
            var t = (x - points[k].X) / width;
            table[i] = (((1 + (2 * t)) * points[k].Y) + (t * width * slopes[k])) * (1 - t) * (1 - t)
                + ((((3 - (2 * t)) * points[k + 1].Y) + ((t - 1) * width * slopes[k + 1])) * t * t);
        }
    }

    /// <summary>The value at x; constant beyond both ends.</summary>
    public float this[float x]
    {
        get
        {
            var at = Math.Clamp((x - start) / perCell, 0, Cells);
            var cell = Math.Min((int)at, Cells - 1);
            return table[cell] + ((at - cell) * (table[cell + 1] - table[cell]));
        }
    }

    private static float[] Slopes(ReadOnlySpan<(float X, float Y)> points)
    {
        var slopes = new float[points.Length];
        for (var k = 0; k < points.Length; k++)
        {
            var before = k == 0 ? float.NaN : (points[k].Y - points[k - 1].Y) / (points[k].X - points[k - 1].X);
            var after = k == points.Length - 1 ? float.NaN : (points[k + 1].Y - points[k].Y) / (points[k + 1].X - points[k].X);
            slopes[k] = float.IsNaN(before) ? after : float.IsNaN(after) ? before : before * after <= 0 ? 0 : 2 * before * after / (before + after);
        }

        return slopes;
    }
}

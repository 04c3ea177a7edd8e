namespace MedPeft.Samples.Phantoms;

/// <summary>Value noise in the plane: random values on a grid, smoothly joined, several octaves deep.</summary>
internal readonly struct SmoothNoise(ulong seed, int octaves)
{
    /// <summary>About -1 to 1, features about one unit wide.</summary>
    public float At(float x, float y)
    {
        float sum = 0, weight = 1, total = 0;
        for (var octave = 0; octave < octaves; octave++)
        {
            sum += weight * Single(x, y, (uint)octave);
            total += weight;
            weight *= .55f;
            x = (x * 2.03f) + 17.3f;
            y = (y * 2.03f) - 9.1f;
        }

        return sum / total;
    }

    private float Single(float x, float y, uint octave)
    {
        int column = (int)MathF.Floor(x), row = (int)MathF.Floor(y);
        float u = x - column, v = y - row;
        u = u * u * (3 - (2 * u));
        v = v * v * (3 - (2 * v));
        var top = Grid(column, row, octave) + (u * (Grid(column + 1, row, octave) - Grid(column, row, octave)));
        var bottom = Grid(column, row + 1, octave) + (u * (Grid(column + 1, row + 1, octave) - Grid(column, row + 1, octave)));
        return top + (v * (bottom - top));
    }

    private float Grid(int column, int row, uint octave)
    {
        var h = (uint)seed ^ ((uint)column * 0x85EBCA6Bu) ^ ((uint)row * 0xC2B2AE35u) ^ (octave * 0x27D4EB2Fu);
        h = (h ^ (h >> 15)) * 0x2C1B3C6Du;
        h = (h ^ (h >> 12)) * 0x297A2D39u;
        return ((h ^ (h >> 15)) * (2f / uint.MaxValue)) - 1;
    }
}

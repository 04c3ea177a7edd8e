namespace MedPeft.Samples.Phantoms;

/// <summary>A small deterministic generator (SplitMix64), so that a phantom never depends on the runtime's Random.</summary>
internal sealed class Dice(ulong seed)
{
    private ulong state = seed;

    /// <summary>A generator of its own for one purpose: drawing more vessels must not move the heart.</summary>
    public static Dice For(ulong seed, string purpose)
    {
        var hash = 14695981039346656037UL;
        foreach (var c in purpose) hash = (hash ^ c) * 1099511628211UL;
        var dice = new Dice(seed ^ hash);
        return new Dice(dice.NextUInt64());
    }

    public ulong NextUInt64()
    {
        var z = state += 0x9E3779B97F4A7C15UL;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return z ^ (z >> 31);
    }

    /// <summary>Uniform in [0, 1).</summary>
    public double Unit() => (NextUInt64() >> 11) * (1.0 / (1UL << 53));

    public float Range(double low, double high) => (float)(low + ((high - low) * Unit()));

    public bool Chance(double probability) => Unit() < probability;

    public int Below(int count) => (int)(Unit() * count);

    public int Side() => Chance(.5) ? 1 : -1;

    /// <summary>Normal, cut off at 2.5 standard deviations: an anatomy has limits.</summary>
    public float Gauss(double mean, double deviation) => (float)(mean + (deviation * Math.Clamp(StandardNormal(), -2.5, 2.5)));

    /// <summary>About normal, for noise by the million: four 16-bit uniforms added up.</summary>
    public float Grain()
    {
        var z = NextUInt64();
        return ((z & 0xFFFF) + ((z >> 16) & 0xFFFF) + ((z >> 32) & 0xFFFF) + (z >> 48) - 131070f) * (1.7320508f / 65536);
    }

    public double StandardNormal() => Math.Sqrt(-2 * Math.Log(1 - Unit())) * Math.Cos(2 * Math.PI * Unit());
}

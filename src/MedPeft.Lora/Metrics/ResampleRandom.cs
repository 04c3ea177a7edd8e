using System.Numerics;
using MedPeft.Lora.Common;

namespace MedPeft.Lora.Metrics;

/// <summary>The generator of one resample: xoshiro256** (Blackman and Vigna 2021, ACM Trans. Math. Softw. 47:36), seeded by SplitMix64.</summary>
internal struct ResampleRandom
{
    private ulong a, b, c, d;

    /// <summary>The generator of resample <paramref name="replicate"/>, the same whichever thread draws it.</summary>
    public ResampleRandom(ulong seed, int replicate)
    {
        var state = seed;
        state = SplitMix64.Next(ref state) ^ (uint)replicate;
        (a, b, c, d) = (SplitMix64.Next(ref state), SplitMix64.Next(ref state), SplitMix64.Next(ref state), SplitMix64.Next(ref state));
    }

    /// <summary>Uniform in 0 … bound - 1, without bias (Lemire 2019, ACM Trans. Model. Comput. Simul. 29:3).</summary>
    public int Below(int bound)
    {
        var product = (Next() >> 32) * (uint)bound;
        if ((uint)product < (uint)bound)
        {
            var threshold = (0u - (uint)bound) % (uint)bound;
            while ((uint)product < threshold) product = (Next() >> 32) * (uint)bound;
        }

        return (int)(product >> 32);
    }

    private ulong Next()
    {
        var result = BitOperations.RotateLeft(b * 5, 7) * 9;
        var t = b << 17;
        c ^= a;
        d ^= b;
        b ^= c;
        a ^= d;
        c ^= t;
        d = BitOperations.RotateLeft(d, 45);
        return result;
    }
}

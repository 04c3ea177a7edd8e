using System.Numerics;
using MedPeft.Lora.Common;

namespace MedPeft.Lora.Imaging;

/// <summary>
/// The random numbers of one sample in one epoch: xoshiro256** seeded by SplitMix64. A value, so each sample owns its stream and the
/// augmented image is the same whichever thread draws it.
/// </summary>
/// <remarks>
/// Blackman and Vigna 2021, "Scrambled linear pseudorandom number generators", ACM TOMS 47(4). Pass it by <c>ref</c>: a copy repeats its numbers.
/// </remarks>
public struct SampleRandom
{
    private const double Unit = 1.0 / (1UL << 53);

    private ulong _s0, _s1, _s2, _s3;

    /// <summary>A stream that depends on the seed alone.</summary>
    /// <param name="seed">Any number; neighbouring seeds give unrelated streams.</param>
    public SampleRandom(ulong seed)
    {
        _s0 = SplitMix64.Next(ref seed);
        _s1 = SplitMix64.Next(ref seed);
        _s2 = SplitMix64.Next(ref seed);
        _s3 = SplitMix64.Next(ref seed);
    }

    /// <summary>The stream of one sample in one epoch of a run.</summary>
    /// <param name="seed">The run's seed.</param>
    /// <param name="epoch">The epoch, from 0.</param>
    /// <param name="index">The sample's position in its data set.</param>
    public static SampleRandom For(ulong seed, int epoch, int index)
    {
        // Mixed twice: a plain sum or exclusive or of seed and place would give two places of two seeds one stream.
        var place = SplitMix64.Next(ref seed) + (((ulong)(uint)epoch << 32) | (uint)index);
        return new SampleRandom(SplitMix64.Next(ref place));
    }

    /// <summary>64 random bits.</summary>
    public ulong NextUInt64()
    {
        // An uninitialised (default) state is all zeros, which the generator would repeat for ever.
        if ((_s0 | _s1 | _s2 | _s3) == 0) this = new SampleRandom(0);
        var result = BitOperations.RotateLeft(_s1 * 5, 7) * 9;
        var shifted = _s1 << 17;
        _s2 ^= _s0;
        _s3 ^= _s1;
        _s1 ^= _s2;
        _s0 ^= _s3;
        _s2 ^= shifted;
        _s3 = BitOperations.RotateLeft(_s3, 45);
        return result;
    }

    /// <summary>A number in [0, 1), a multiple of 2⁻⁵³.</summary>
    public double NextDouble() => (NextUInt64() >> 11) * Unit;

    /// <summary>A number in [<paramref name="min"/>, <paramref name="max"/>), as Python's <c>uniform</c> computes it.</summary>
    /// <param name="min">The lower end.</param>
    /// <param name="max">The upper end.</param>
    public double NextDouble(double min, double max) => min + (max - min) * NextDouble();

    /// <summary>An integer, every value equally likely.</summary>
    /// <param name="minInclusive">The smallest value.</param>
    /// <param name="maxInclusive">The largest value.</param>
    /// <exception cref="ArgumentOutOfRangeException">The largest is below the smallest.</exception>
    public int NextInt(int minInclusive, int maxInclusive)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxInclusive, minInclusive);
        var range = (ulong)((long)maxInclusive - minInclusive + 1);
        // Lemire 2019: the high half of the product is uniform once the few low halves that would favour some values are redrawn.
        var high = Math.BigMul(NextUInt64(), range, out var low);
        if (low < range)
        {
            var threshold = (0 - range) % range;
            while (low < threshold) high = Math.BigMul(NextUInt64(), range, out low);
        }

        return (int)(minInclusive + (long)high);
    }

    /// <summary>A number of the standard normal distribution (Box and Muller).</summary>
    public double NextGaussian()
    {
        var radius = Math.Sqrt(-2 * Math.Log(1 - NextDouble()));
        return radius * Math.Cos(2 * Math.PI * NextDouble());
    }
}

using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Tests.Imaging;

public class SampleRandomTests
{
    [Fact]
    public void The_generator_is_xoshiro256_seeded_by_SplitMix64()
    {
        // SplitMix64 from 0 gives the state e220a8397b1dcdaf 6e789e6aa1b965f4 06c45d188009454f f88bb8a8724c81ec (Vigna's published vectors).
        var random = new SampleRandom(0);
        Assert.Equal(0x99ec5f36cb75f2b4, random.NextUInt64());
        Assert.Equal(0xbf6e1f784956452a, random.NextUInt64());
    }

    [Fact]
    public void Streams_differ_by_seed_epoch_and_index()
    {
        var seen = new HashSet<ulong>();
        for (var seed = 0UL; seed < 10; seed++)
            for (var epoch = 0; epoch < 10; epoch++)
                for (var index = 0; index < 100; index++)
                {
                    var random = SampleRandom.For(seed, epoch, index);
                    Assert.True(seen.Add(random.NextUInt64()));
                }
    }

    [Fact]
    public void A_stream_repeats_itself()
    {
        var (a, b) = (SampleRandom.For(3, 4, 5), SampleRandom.For(3, 4, 5));
        for (var i = 0; i < 100; i++) Assert.Equal(a.NextUInt64(), b.NextUInt64());
    }

    [Fact]
    public void A_default_value_still_draws_random_numbers()
    {
        var random = default(SampleRandom);
        Assert.NotEqual(random.NextUInt64(), random.NextUInt64());
    }

    [Fact]
    public void Doubles_are_uniform()
    {
        var random = new SampleRandom(1);
        var values = Enumerable.Range(0, 100_000).Select(_ => random.NextDouble()).ToArray();
        Assert.All(values, v => Assert.InRange(v, 0, 1 - 1e-17));
        Assert.InRange(values.Average(), .497, .503);
        Assert.InRange(values.Average(v => v * v), .33, .336);
    }

    [Fact]
    public void Integers_reach_both_ends_equally_often()
    {
        var random = new SampleRandom(2);
        var counts = new int[7];
        for (var i = 0; i < 70_000; i++) counts[random.NextInt(-3, 3) + 3]++;
        Assert.All(counts, c => Assert.InRange(c, 9_600, 10_400));
        Assert.Equal(5, random.NextInt(5, 5));
        Assert.InRange(random.NextInt(int.MinValue, int.MaxValue), int.MinValue, int.MaxValue);
        Assert.Throws<ArgumentOutOfRangeException>(() => new SampleRandom(0).NextInt(1, 0));
    }

    [Fact]
    public void Gaussians_have_mean_zero_and_variance_one()
    {
        var random = new SampleRandom(3);
        var values = Enumerable.Range(0, 100_000).Select(_ => random.NextGaussian()).ToArray();
        Assert.InRange(values.Average(), -.01, .01);
        Assert.InRange(values.Average(v => v * v), .98, 1.02);
        Assert.InRange(values.Count(v => Math.Abs(v) > 1.96) / 100_000.0, .046, .054);
    }
}

using System.IO.Compression;
using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Tests.Imaging;

/// <summary>Against the zlib of .NET: what it packs, and what it says about damaged streams.</summary>
public unsafe class InflaterTests
{
    [Theory]
    [InlineData(CompressionLevel.NoCompression)]
    [InlineData(CompressionLevel.Fastest)]
    [InlineData(CompressionLevel.Optimal)]
    [InlineData(CompressionLevel.SmallestSize)]
    public void What_zlib_packs_is_unpacked(CompressionLevel level)
    {
        for (var kind = 0; kind < 8; kind++)
            foreach (var size in new[] { 1, 2, 31, 257, 258, 259, 5000, 70_000, 300_000 })
            {
                var data = Data(kind, size);
                Assert.Equal(data, Unpack(Pack(data, level), size));
            }
    }

    [Fact]
    public void Fixed_codes_and_a_lone_distance_are_understood()
    {
        // "a" and then 258 times more of it, by the fixed codes; and a dynamic block of zeros, which knows one distance.
        Assert.Equal("hello hello hello hello"u8.ToArray(), Unpack(Pack("hello hello hello hello"u8.ToArray(), CompressionLevel.Optimal), 23));
        Assert.Equal(new byte[100_000], Unpack(Pack(new byte[100_000], CompressionLevel.SmallestSize), 100_000));
    }

    [Fact]
    public void A_stream_of_another_size_is_refused()
    {
        var packed = Pack(Data(3, 1000), CompressionLevel.Optimal);
        Assert.Null(Unpack(packed, 999));
        Assert.Null(Unpack(packed, 1001));
        Assert.Null(Unpack([.. packed, 0], 1000));
        Assert.Null(Unpack(packed[..^1], 1000));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(5)]
    public void Damaged_streams_give_nothing_or_what_zlib_makes_of_them(int kind)
    {
        var data = Data(kind, 1500);
        foreach (var level in new[] { CompressionLevel.Fastest, CompressionLevel.SmallestSize })
        {
            var packed = Pack(data, level);
            for (var i = 0; i < packed.Length; i++)
            {
                Assert.Null(Unpack(packed[..i], data.Length));
                for (var bit = 0; bit < 8; bit += 3)
                {
                    var damaged = (byte[])packed.Clone();
                    damaged[i] ^= (byte)(1 << bit);
                    if (Unpack(damaged, data.Length) is { } found) Assert.Equal(ByZlib(damaged), found);
                }
            }
        }
    }

    [Fact]
    public void Streams_of_nonsense_stay_inside_their_buffers()
    {
        var random = new SampleRandom(3);
        for (var i = 0; i < 3000; i++)
        {
            var stream = new byte[random.NextInt(8, 300)];
            for (var k = 0; k < stream.Length; k++) stream[k] = (byte)random.NextInt(0, 255);
            // A right header, and a first block of each kind.
            (stream[0], stream[1], stream[2]) = (0x78, 0x9C, (byte)((stream[2] & ~7) | (i % 4 << 1) | (i & 1)));
            Assert.Null(Unpack(stream, 2000));
        }
    }

    [Fact]
    public void The_checksum_is_that_of_the_standard()
    {
        Assert.Equal(1u, Adler32.Compute([]));
        Assert.Equal(0x11E60398u, Adler32.Compute("Wikipedia"u8));
        foreach (var size in new[] { 31, 32, 33, 5552, 5553, 65_536, 300_001 })
        {
            var data = size % 2 == 0 ? Enumerable.Repeat((byte)255, size).ToArray() : Data(0, size);
            var (a, b) = (1u, 0u);
            foreach (var value in data) b = (b + (a = (a + value) % 65_521)) % 65_521;
            Assert.Equal(b << 16 | a, Adler32.Compute(data));
        }
    }

    /// <summary>Noise, text of few letters, repeats near and far, ramps, and the noise of a radiograph.</summary>
    private static byte[] Data(int kind, int size)
    {
        var random = new SampleRandom((ulong)kind + 1);
        var data = new byte[size];
        for (var i = 0; i < size; i++)
            data[i] = (byte)(kind switch
            {
                0 => random.NextInt(0, 255),
                1 => random.NextInt(0, 3),
                2 => i > 40 && random.NextInt(0, 9) > 0 ? data[i - 40] : random.NextInt(0, 255),
                3 => i / 7,
                4 => i > 30_000 ? data[i - 30_000] : random.NextInt(0, 255),
                5 => Math.Clamp(128 + 20 * random.NextGaussian(), 0, 255),
                6 => i % 3 == 0 ? 7 : i % 5,
                _ => 0,
            });
        return data;
    }

    private static byte[] Pack(byte[] data, CompressionLevel level)
    {
        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, level, true)) zlib.Write(data);
        return packed.ToArray();
    }

    private static byte[] ByZlib(byte[] packed)
    {
        using var zlib = new ZLibStream(new MemoryStream(packed), CompressionMode.Decompress);
        using var data = new MemoryStream();
        zlib.CopyTo(data);
        return data.ToArray();
    }

    private static byte[]? Unpack(byte[] packed, int size)
    {
        // The room behind both is filled with a mark: of the output's, only what may be written is.
        byte[] input = [.. packed, .. Enumerable.Repeat((byte)0xA5, Inflater.InputRoom)];
        var output = new byte[size + Inflater.OutputRoom + 64];
        output.AsSpan(size + Inflater.OutputRoom).Fill(0x5A);
        bool whole;
        fixed (byte* from = input, to = output) whole = Inflater.TryUnpack(from, packed.Length, to, size);
        Assert.Equal(-1, output.AsSpan(size + Inflater.OutputRoom).IndexOfAnyExcept((byte)0x5A));
        return whole ? output[..size] : null;
    }
}

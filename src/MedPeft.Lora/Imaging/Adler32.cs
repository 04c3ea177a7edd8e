using System.Numerics;

namespace MedPeft.Lora.Imaging;

/// <summary>The checksum at the end of a zlib stream: RFC 1950, §8.2.</summary>
internal static class Adler32
{
    private const uint Modulus = 65_521;

    // So many blocks of vectors keep the sums of each lane below 2³².
    private const int BlocksAtOnce = 2048;

    public static uint Compute(ReadOnlySpan<byte> bytes)
    {
        ulong a = 1, b = 0;
        while (bytes.Length >= Vector<byte>.Count)
        {
            var blocks = Math.Min(BlocksAtOnce, bytes.Length / Vector<byte>.Count);
            Add(bytes, blocks, ref a, ref b);
            bytes = bytes[(blocks * Vector<byte>.Count)..];
        }

        foreach (var value in bytes)
        {
            a += value;
            b += a;
        }

        return (uint)((b % Modulus << 16) | (a % Modulus));
    }

    private static void Add(ReadOnlySpan<byte> bytes, int blocks, ref ulong a, ref ulong b)
    {
        var size = Vector<byte>.Count;
        Vector<uint> s0 = default, s1 = default, s2 = default, s3 = default, t0 = default, t1 = default, t2 = default, t3 = default;
        for (var i = 0; i < blocks; i++)
        {
            // t: each byte once for every later block; s: each byte once.
            (t0, t1, t2, t3) = (t0 + s0, t1 + s1, t2 + s2, t3 + s3);
            Vector.Widen(new Vector<byte>(bytes[(i * size)..]), out var low, out var high);
            Vector.Widen(low, out var v0, out var v1);
            Vector.Widen(high, out var v2, out var v3);
            (s0, s1, s2, s3) = (s0 + v0, s1 + v1, s2 + v2, s3 + v3);
        }

        b += a * (ulong)(blocks * size);
        var lane = 0;
        foreach (var (s, t) in (ReadOnlySpan<(Vector<uint>, Vector<uint>)>)[(s0, t0), (s1, t1), (s2, t2), (s3, t3)])
        {
            for (var i = 0; i < Vector<uint>.Count; i++, lane++)
            {
                a += s[i];
                b += (ulong)t[i] * (ulong)size + (ulong)s[i] * (ulong)(size - lane);
            }
        }

        (a, b) = (a % Modulus, b % Modulus);
    }
}

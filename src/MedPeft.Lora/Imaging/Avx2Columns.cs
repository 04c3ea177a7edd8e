using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MedPeft.Lora.Imaging;

/// <summary>The columns of a resampling by 16-bit multiplications, 16 input pixels at a time: the same sums to the last bit as with 32 bits.</summary>
/// <remarks>
/// A weight of 23 bits is an upper part times 4096 and a lower part. Both fit 16 bits, and so does a pixel, so that one instruction multiplies 16 pairs and
/// adds neighbours. No part overflows, and together they are Pillow's 32-bit sum.
/// </remarks>
internal static class Avx2Columns
{
    /// <summary>Pixels that one step reads.</summary>
    public const int Step = 16;

    private const int LowBits = 12;
    private const int AtOnce = 8;
    private const int Half = 1 << (ResampleKernel.Precision - 1);

    /// <summary>Splits weights: of each output pixel and each step, 16 upper parts and then 16 lower ones.</summary>
    public static short[] Split(int[] weights, int count, int stride, int most)
    {
        var steps = Steps(most);
        var parts = new short[count * steps * 2 * Step];
        for (var x = 0; x < count; x++)
        {
            for (var t = 0; t < most; t++)
            {
                var weight = weights[x * stride + t];
                var high = (weight + (1 << (LowBits - 1))) >> LowBits;
                var at = (x * steps + t / Step) * 2 * Step + t % Step;
                (parts[at], parts[at + Step]) = ((short)high, (short)(weight - (high << LowBits)));
            }
        }

        return parts;
    }

    /// <summary>Steps that an output pixel takes.</summary>
    public static int Steps(int most) => (most + Step - 1) / Step;

    /// <summary>One row of one channel.</summary>
    /// <param name="row">The pixels from the first one used on; readable for a step behind the last one used.</param>
    /// <param name="first">The place of the first pixel used.</param>
    /// <param name="kernel">The weights.</param>
    /// <param name="result">Receives the output pixels.</param>
    /// <param name="apart">From one output pixel to the next.</param>
    public static void Row(ref byte row, int first, ResampleKernel kernel, ref byte result, int apart)
    {
        var firsts = kernel.First;
        var steps = Steps(kernel.Most);
        var size = steps * 2 * Step;
        ref var weights = ref MemoryMarshal.GetArrayDataReference(kernel.Parts);
        ref var from = ref MemoryMarshal.GetArrayDataReference(firsts);
        var x = 0;
        for (; x <= firsts.Length - AtOnce; x += AtOnce)
        {
            ref var w = ref Unsafe.Add(ref weights, x * size);
            ref var f = ref Unsafe.Add(ref from, x);
            var a = Avx2.HorizontalAdd(Dot(ref row, f, first, ref w, steps), Dot(ref row, Unsafe.Add(ref f, 1), first, ref Unsafe.Add(ref w, size), steps));
            var b = Avx2.HorizontalAdd(
                Dot(ref row, Unsafe.Add(ref f, 2), first, ref Unsafe.Add(ref w, 2 * size), steps), Dot(ref row, Unsafe.Add(ref f, 3), first, ref Unsafe.Add(ref w, 3 * size), steps));
            var c = Avx2.HorizontalAdd(
                Dot(ref row, Unsafe.Add(ref f, 4), first, ref Unsafe.Add(ref w, 4 * size), steps), Dot(ref row, Unsafe.Add(ref f, 5), first, ref Unsafe.Add(ref w, 5 * size), steps));
            var d = Avx2.HorizontalAdd(
                Dot(ref row, Unsafe.Add(ref f, 6), first, ref Unsafe.Add(ref w, 6 * size), steps), Dot(ref row, Unsafe.Add(ref f, 7), first, ref Unsafe.Add(ref w, 7 * size), steps));
            var (left, right) = (Avx2.HorizontalAdd(a, b), Avx2.HorizontalAdd(c, d));
            // Each lane of 128 bits holds the half sums of four output pixels.
            var sum = Vector256.Create(left.GetLower() + left.GetUpper(), right.GetLower() + right.GetUpper());
            Write(sum, ref Unsafe.Add(ref result, x * apart), apart);
        }

        for (; x < firsts.Length; x++)
        {
            var sum = Vector256.Sum(Dot(ref row, firsts[x], first, ref Unsafe.Add(ref weights, x * size), steps));
            Unsafe.Add(ref result, x * apart) = (byte)Math.Clamp((Half + sum) >> ResampleKernel.Precision, 0, 255);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Dot(ref byte row, int from, int first, ref short weights, int steps)
    {
        ref var pixels = ref Unsafe.Add(ref row, from - first);
        var wide = Avx2.ConvertToVector256Int16(Vector128.LoadUnsafe(ref pixels));
        var high = Avx2.MultiplyAddAdjacent(wide, Vector256.LoadUnsafe(ref weights));
        var low = Avx2.MultiplyAddAdjacent(wide, Vector256.LoadUnsafe(ref weights, Step));
        for (var s = 1; s < steps; s++)
        {
            wide = Avx2.ConvertToVector256Int16(Vector128.LoadUnsafe(ref pixels, (nuint)(s * Step)));
            high += Avx2.MultiplyAddAdjacent(wide, Vector256.LoadUnsafe(ref weights, (nuint)(s * 2 * Step)));
            low += Avx2.MultiplyAddAdjacent(wide, Vector256.LoadUnsafe(ref weights, (nuint)(s * 2 * Step + Step)));
        }

        return Vector256.ShiftLeft(high, LowBits) + low;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Write(Vector256<int> sum, ref byte result, int apart)
    {
        var shifted = Vector256.ShiftRightArithmetic(sum + Vector256.Create(Half), ResampleKernel.Precision);
        var words = Sse2.PackSignedSaturate(shifted.GetLower(), shifted.GetUpper());
        // Saturation is the clamp to a byte.
        var bytes = Sse2.PackUnsignedSaturate(words, words).AsUInt64().ToScalar();
        if (apart == 1)
        {
            Unsafe.WriteUnaligned(ref result, bytes);
            return;
        }

        for (var i = 0; i < AtOnce; i++, bytes >>= 8) Unsafe.Add(ref result, i * apart) = (byte)bytes;
    }
}

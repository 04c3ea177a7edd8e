using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using TorchSharp;
using static TorchSharp.torch;

namespace MedPeft.Lora.Common;

/// <summary>
/// Float32 numbers that lie in one piece in the processor's memory, worked on where they lie. On a hundred small tensors the calls of tensor
/// operations cost more than the arithmetic, and each writes a result that the next reads again.
/// </summary>
/// <remarks>Sixteen at a time on every processor and in pieces of one size, so that the results do not depend on machine or threads.</remarks>
internal static unsafe class FlatFloats
{
    // Beyond one piece a second thread is worth its start.
    private const int Piece = 1 << 18;

    /// <summary>Works on the <paramref name="length"/> numbers from <paramref name="start"/> on.</summary>
    public delegate void Work(int start, int length);

    /// <summary>Whether a tensor holds such numbers.</summary>
    public static bool Are(Tensor tensor) =>
        tensor.dtype == ScalarType.Float32 && tensor.device_type == DeviceType.CPU && !tensor.is_sparse && tensor.numel() <= int.MaxValue / sizeof(float) && tensor.is_contiguous();

    /// <summary>The first of a tensor's numbers; valid while the tensor lives.</summary>
    public static float* Of(Tensor tensor) => (float*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(tensor.bytes));

    /// <summary>Works on all of them, on several threads where there are many.</summary>
    public static void InPieces(int length, Work work)
    {
        if (length <= Piece)
        {
            work(0, length);
            return;
        }

        Parallel.For(0, (length + Piece - 1) / Piece, new ParallelOptions { MaxDegreeOfParallelism = get_num_threads() }, piece => work(piece * Piece, Math.Min(Piece, length - piece * Piece)));
    }

    /// <summary>Sum of the squares, in float64.</summary>
    public static double SumOfSquares(float* numbers, int length)
    {
        var sums = new double[(length + Piece - 1) / Piece];
        InPieces(length, (start, count) => sums[start / Piece] = Squares(numbers + start, count));
        return sums.Sum();
    }

    /// <summary>Multiplies them.</summary>
    public static void Multiply(float* numbers, int length, float factor) => InPieces(length, (start, count) =>
    {
        float* at = numbers + start, end = at + count;
        for (; end - at >= Vector512<float>.Count; at += Vector512<float>.Count) Vector512.Store(Vector512.Load(at) * factor, at);
        for (; at < end; at++) *at *= factor;
    });

    private static double Squares(float* at, int length)
    {
        var end = at + length;
        var (low, high, rest) = (Vector512<double>.Zero, Vector512<double>.Zero, 0.0);
        for (; end - at >= Vector512<float>.Count; at += Vector512<float>.Count)
        {
            var (first, second) = Vector512.Widen(Vector512.Load(at));
            low += first * first;
            high += second * second;
        }

        for (; at < end; at++) rest += (double)*at * *at;
        return Vector512.Sum(low + high) + rest;
    }
}

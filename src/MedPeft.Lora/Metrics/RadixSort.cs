using System.Runtime.CompilerServices;

namespace MedPeft.Lora.Metrics;

/// <summary>Ascending sort by 32-bit keys, least significant digit first: linear in their number, stable, three passes of 11 bits.</summary>
/// <remarks>A pass whose keys all share the digit is left out, so scores of a narrow range cost less.</remarks>
internal static class RadixSort
{
    private const int Bits = 11;
    private const int Buckets = 1 << Bits;
    private const int Passes = 3;

    /// <summary>Below this the three histograms cost more than a comparison sort.</summary>
    private const int Small = 1024;

    /// <summary>Sorts keys; both spans are overwritten.</summary>
    /// <param name="keys">The keys.</param>
    /// <param name="scratch">At least as long as <paramref name="keys"/>.</param>
    /// <returns>Whichever of the two spans holds the sorted keys.</returns>
    public static Span<uint> Sort(Span<uint> keys, Span<uint> scratch)
    {
        if (keys.Length >= Small) return SortByDigits(keys, scratch);
        keys.Sort();
        return keys;
    }

    /// <summary>Sorts items by their upper 32 bits, the key; items of one key keep their order. Both spans are overwritten.</summary>
    /// <returns>Whichever of the two spans holds the sorted items.</returns>
    public static Span<ulong> Sort(Span<ulong> items, Span<ulong> scratch) => SortByDigits(items, scratch);

    [SkipLocalsInit]
    private static Span<T> SortByDigits<T>(Span<T> items, Span<T> scratch)
        where T : unmanaged
    {
        if (items.Length == 0) return items;
        var from = items;
        var to = scratch[..items.Length];
        Span<int> histogram = stackalloc int[Passes * Buckets];
        histogram.Clear();
        foreach (var item in from)
        {
            for (var pass = 0; pass < Passes; pass++) histogram[pass * Buckets + Digit(item, pass)]++;
        }

        for (var pass = 0; pass < Passes; pass++)
        {
            var starts = histogram.Slice(pass * Buckets, Buckets);
            if (starts[Digit(from[0], pass)] == from.Length) continue;
            var sum = 0;
            foreach (ref var start in starts) (start, sum) = (sum, sum + start);
            foreach (var item in from) to[starts[Digit(item, pass)]++] = item;
            var sorted = to;
            to = from;
            from = sorted;
        }

        return from;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Digit<T>(T item, int pass)
        where T : unmanaged
    {
        // The type test is decided when the method is compiled for T.
        var key = typeof(T) == typeof(ulong) ? (uint)(Unsafe.BitCast<T, ulong>(item) >> 32) : Unsafe.BitCast<T, uint>(item);
        return (int)(key >> (pass * Bits)) & (Buckets - 1);
    }
}

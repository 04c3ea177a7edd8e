using System.Numerics;

namespace MedPeft.Lora.Imaging.Dicom;

/// <summary>Loops over all samples of a frame, several at a time.</summary>
internal static class Cells
{
    private const int Ways = 4;

    // Four tables for more bits than these would no longer lie in the processor's nearest cache.
    private const int MostBitsInWays = 12;

    /// <summary>Bytes become 16-bit cells.</summary>
    public static void Widen(ReadOnlySpan<byte> bytes, Span<ushort> cells)
    {
        var i = 0;
        for (; i <= bytes.Length - Vector<byte>.Count; i += Vector<byte>.Count)
        {
            Vector.Widen(new Vector<byte>(bytes[i..]), out var low, out var high);
            low.CopyTo(cells[i..]);
            high.CopyTo(cells[(i + Vector<ushort>.Count)..]);
        }

        for (; i < bytes.Length; i++) cells[i] = bytes[i];
    }

    /// <summary>The lower bytes of cells below 256.</summary>
    public static void Narrow(ReadOnlySpan<ushort> cells, Span<byte> bytes)
    {
        var i = 0;
        for (; i <= bytes.Length - Vector<byte>.Count; i += Vector<byte>.Count)
            Vector.Narrow(new Vector<ushort>(cells[i..]), new Vector<ushort>(cells[(i + Vector<ushort>.Count)..])).CopyTo(bytes[i..]);
        for (; i < bytes.Length; i++) bytes[i] = (byte)cells[i];
    }

    /// <summary>Shifts and masks every cell.</summary>
    public static void Mask(Span<ushort> cells, int shift, ushort mask)
    {
        var i = 0;
        var wide = new Vector<ushort>(mask);
        for (; i <= cells.Length - Vector<ushort>.Count; i += Vector<ushort>.Count)
            (Vector.ShiftRightLogical(new Vector<ushort>(cells[i..]), shift) & wide).CopyTo(cells[i..]);
        for (; i < cells.Length; i++) cells[i] = (ushort)((cells[i] >> shift) & mask);
    }

    /// <summary>The largest bit pattern.</summary>
    public static int Largest(ReadOnlySpan<ushort> cells)
    {
        var (i, most) = (0, Vector<ushort>.Zero);
        for (; i <= cells.Length - Vector<ushort>.Count; i += Vector<ushort>.Count) most = Vector.Max(most, new Vector<ushort>(cells[i..]));
        var largest = 0;
        for (var lane = 0; lane < Vector<ushort>.Count; lane++) largest = Math.Max(largest, most[lane]);
        for (; i < cells.Length; i++) largest = Math.Max(largest, cells[i]);
        return largest;
    }

    /// <summary>How often each bit pattern occurs.</summary>
    public static int[] Count(ReadOnlySpan<ushort> cells, int bits)
    {
        var counts = new int[1 << bits];
        var i = 0;
        if (bits <= MostBitsInWays)
        {
            // Neighbours are often equal, and a count waits for the one before it; four tables take turns.
            var ways = new int[Ways << bits];
            Span<int> first = ways.AsSpan(0, 1 << bits), second = ways.AsSpan(1 << bits, 1 << bits);
            Span<int> third = ways.AsSpan(2 << bits, 1 << bits), fourth = ways.AsSpan(3 << bits, 1 << bits);
            for (; i <= cells.Length - Ways; i += Ways)
            {
                first[cells[i]]++;
                second[cells[i + 1]]++;
                third[cells[i + 2]]++;
                fourth[cells[i + 3]]++;
            }

            for (var value = 0; value < counts.Length; value++) counts[value] = first[value] + second[value] + third[value] + fourth[value];
        }

        for (; i < cells.Length; i++) counts[cells[i]]++;
        return counts;
    }

    /// <summary>Looks every cell up in a table of bytes.</summary>
    public static void Map(ReadOnlySpan<ushort> cells, ReadOnlySpan<byte> table, Span<byte> bytes)
    {
        if (IsIdentity(table))
        {
            Narrow(cells, bytes);
            return;
        }

        for (var i = 0; i < bytes.Length; i++) bytes[i] = table[cells[i]];
    }

    private static bool IsIdentity(ReadOnlySpan<byte> table)
    {
        if (table.Length > 256) return false;
        for (var i = 0; i < table.Length; i++)
            if (table[i] != i) return false;
        return true;
    }
}

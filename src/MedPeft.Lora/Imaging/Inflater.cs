using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace MedPeft.Lora.Imaging;

/// <summary>Unpacks a whole zlib stream whose size is known: RFC 1950 and 1951. Two to four times as fast as a stream for what radiographs are packed to.</summary>
/// <remarks>
/// It takes flawless streams and no others: whatever is damaged, too long or too short gives false, and says no more, because the caller has another
/// decoder that words the error. Reads and writes stay inside the buffers given, whose ends have room for one step more.
/// </remarks>
internal static unsafe class Inflater
{
    /// <summary>Bytes behind the input that may be read. Their values do not matter.</summary>
    public const int InputRoom = 32;

    /// <summary>Bytes behind the output that may be written.</summary>
    public const int OutputRoom = 288;

    private const int Window = 1 << 15;

    [ThreadStatic]
    private static InflateTables? tables;

    private static ReadOnlySpan<byte> LengthOrder => [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

    /// <summary>Unpacks a stream.</summary>
    /// <param name="input">The stream, with <see cref="InputRoom"/> behind it.</param>
    /// <param name="length">Its bytes.</param>
    /// <param name="output">Receives the bytes, with <see cref="OutputRoom"/> behind them.</param>
    /// <param name="size">How many bytes there are.</param>
    /// <returns>Whether the stream is flawless and holds exactly so many bytes.</returns>
    public static bool TryUnpack(byte* input, int length, byte* output, int size)
    {
        if (length < 8 || (input[0] & 15) != 8 || input[0] >> 4 > 7 || (input[0] << 8 | input[1]) % 31 != 0 || (input[1] & 32) != 0) return false;
        var bits = new BitSource { Next = input + 2, End = input + length };
        byte* to = output, end = output + size;
        tables ??= new InflateTables();
        bool last;
        do
        {
            if (!bits.Fill()) return false;
            last = bits.Take(1) != 0;
            var whole = bits.Take(2) switch
            {
                0 => Stored(ref bits, ref to, end),
                1 => Fixed(tables) && Packed(ref bits, tables, output, ref to, end),
                2 => Dynamic(ref bits, tables) && Packed(ref bits, tables, output, ref to, end),
                _ => false,
            };
            if (!whole) return false;
        }
        while (!last);

        bits.ToByte();
        return to == end && bits.Next == bits.End - 4
            && BinaryPrimitives.ReadUInt32BigEndian(new ReadOnlySpan<byte>(bits.Next, 4)) == Adler32.Compute(new ReadOnlySpan<byte>(output, size));
    }

    private static bool Stored(ref BitSource bits, ref byte* to, byte* end)
    {
        bits.ToByte();
        if (bits.End - bits.Next < 4) return false;
        int count = bits.Next[0] | bits.Next[1] << 8, inverse = bits.Next[2] | bits.Next[3] << 8;
        bits.Next += 4;
        if ((count ^ inverse) != 0xFFFF || count > bits.End - bits.Next || count > end - to) return false;
        Unsafe.CopyBlockUnaligned(to, bits.Next, (uint)count);
        bits.Next += count;
        to += count;
        return true;
    }

    private static bool Fixed(InflateTables tables)
    {
        Span<byte> lengths = stackalloc byte[InflateTables.Literals + InflateTables.Distances];
        lengths[..144].Fill(8);
        lengths[144..256].Fill(9);
        lengths[256..280].Fill(7);
        lengths[280..288].Fill(8);
        lengths[288..].Fill(5);
        return tables.BuildLiterals(lengths[..InflateTables.Literals]) && tables.BuildDistances(lengths[InflateTables.Literals..]);
    }

    private static bool Dynamic(ref BitSource bits, InflateTables tables)
    {
        if (!bits.Fill()) return false;
        int literals = (int)bits.Take(5) + 257, distances = (int)bits.Take(5) + 1, known = (int)bits.Take(4) + 4;
        if (literals > 286 || distances > 30) return false;
        Span<byte> first = stackalloc byte[19];
        first.Clear();
        for (var i = 0; i < known; i++)
        {
            if (!bits.Fill()) return false;
            first[LengthOrder[i]] = (byte)bits.Take(3);
        }

        Span<byte> lengths = stackalloc byte[InflateTables.Literals + InflateTables.Distances];
        lengths.Clear();
        return ReadLengths(ref bits, first, lengths[..(literals + distances)])
            && tables.BuildLiterals(lengths[..literals]) && tables.BuildDistances(lengths.Slice(literals, distances));
    }

    /// <summary>The lengths of the codes, themselves in a code of up to seven bits.</summary>
    private static bool ReadLengths(ref BitSource bits, ReadOnlySpan<byte> first, Span<byte> lengths)
    {
        Span<byte> table = stackalloc byte[128];
        if (!InflateLengths.Build(first, table)) return false;
        for (var i = 0; i < lengths.Length;)
        {
            if (!bits.Fill()) return false;
            var entry = table[(int)(bits.Bits & 127)];
            bits.Drop(entry >> 5);
            var symbol = entry & 31;
            if (symbol < 16)
            {
                lengths[i++] = (byte)symbol;
                continue;
            }

            if (symbol == 16 && i == 0) return false;
            var value = symbol == 16 ? lengths[i - 1] : (byte)0;
            var count = symbol switch
            {
                16 => 3 + (int)bits.Take(2),
                17 => 3 + (int)bits.Take(3),
                _ => 11 + (int)bits.Take(7),
            };
            if (count > lengths.Length - i) return false;
            lengths.Slice(i, count).Fill(value);
            i += count;
        }

        return true;
    }

    // The bits live in locals, not in the struct: the compiler keeps those in registers, and this loop is where the time goes.
    private static bool Packed(ref BitSource source, InflateTables tables, byte* start, ref byte* output, byte* end)
    {
        const uint literalMask = (1 << InflateTables.LiteralBits) - 1, distanceMask = (1 << InflateTables.DistanceBits) - 1;
        var (bits, count) = (source.Bits, source.Count);
        byte* next = source.Next, stop = source.End + BitSource.Beyond, to = output;
        fixed (uint* literals = tables.LiteralTable, distances = tables.DistanceTable)
        {
            while (true)
            {
                // 56 bits are four look-ups of up to two literals each, or a length with its distance and all their extra bits.
                if (next > stop || to > end) return false;
                Fill(ref bits, ref count, ref next);
                var entry = literals[bits & literalMask];
                if (IsLiteral(entry))
                {
                    to = Write(entry, ref bits, ref count, to);
                    entry = literals[bits & literalMask];
                    if (IsLiteral(entry))
                    {
                        to = Write(entry, ref bits, ref count, to);
                        entry = literals[bits & literalMask];
                        if (IsLiteral(entry))
                        {
                            to = Write(entry, ref bits, ref count, to);
                            continue;
                        }
                    }

                    if (next > stop) return false;
                    Fill(ref bits, ref count, ref next);
                }

                if ((entry & InflateTables.HasTable) != 0)
                {
                    Drop(entry, ref bits, ref count);
                    entry = literals[(entry >> InflateTables.ValueShift) + (bits & Mask(entry))];
                    if (IsLiteral(entry))
                    {
                        to = Write(entry, ref bits, ref count, to);
                        continue;
                    }
                }

                Drop(entry, ref bits, ref count);
                if ((entry & InflateTables.HasBase) == 0)
                {
                    if ((entry & InflateTables.IsEnd) == 0) return false;
                    break;
                }

                var length = Extra(entry, ref bits, ref count);
                entry = distances[bits & distanceMask];
                if ((entry & InflateTables.HasTable) != 0)
                {
                    Drop(entry, ref bits, ref count);
                    entry = distances[(entry >> InflateTables.ValueShift) + (bits & Mask(entry))];
                }

                if ((entry & InflateTables.HasBase) == 0) return false;
                Drop(entry, ref bits, ref count);
                var distance = Extra(entry, ref bits, ref count);
                if (distance > to - start || distance > Window || length > end - to) return false;
                Repeat(to, distance, length);
                to += length;
            }
        }

        source = new BitSource { Next = next, End = source.End, Bits = bits, Count = count };
        output = to;
        return to <= end;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Fill(ref ulong bits, ref int count, ref byte* next)
    {
        var word = Unsafe.ReadUnaligned<ulong>(next);
        bits |= (BitConverter.IsLittleEndian ? word : BinaryPrimitives.ReverseEndianness(word)) << count;
        next += (63 - count) >> 3;
        count |= 56;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsLiteral(uint entry) => (entry & (3 << InflateTables.LiteralShift)) != 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Mask(uint entry) => (1u << (int)(entry >> InflateTables.ExtraShift & 63)) - 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Drop(uint entry, ref ulong bits, ref int count)
    {
        bits >>= (int)(entry & 31);
        count -= (int)(entry & 31);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Extra(uint entry, ref ulong bits, ref int count)
    {
        var value = (entry >> InflateTables.ValueShift) + ((uint)bits & Mask(entry));
        var extra = (int)(entry >> InflateTables.ExtraShift & 63);
        bits >>= extra;
        count -= extra;
        return value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte* Write(uint entry, ref ulong bits, ref int count, byte* to)
    {
        var two = (ushort)(entry >> InflateTables.ValueShift);
        Unsafe.WriteUnaligned(to, BitConverter.IsLittleEndian ? two : BinaryPrimitives.ReverseEndianness(two));
        Drop(entry, ref bits, ref count);
        return to + (entry >> InflateTables.LiteralShift & 3);
    }

    /// <summary>Copies from some bytes back; where the two overlap, what was just written is copied again.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Repeat(byte* to, uint distance, uint length)
    {
        byte* from = to - distance, end = to + length;
        if (distance >= 8)
        {
            do
            {
                Unsafe.WriteUnaligned(to, Unsafe.ReadUnaligned<ulong>(from));
                to += 8;
                from += 8;
            }
            while (to < end);
        }
        else if (distance == 1)
        {
            Unsafe.InitBlockUnaligned(to, *from, length);
        }
        else
        {
            while (to < end) *to++ = *from++;
        }
    }

    /// <summary>The next bits of the input, at least 56 of them once filled. Behind the end come bits of no meaning, and soon an error.</summary>
    private struct BitSource
    {
        /// <summary>Bytes behind the end that may still be taken for input.</summary>
        public const int Beyond = 8;

        public byte* Next;
        public byte* End;
        public ulong Bits;
        public int Count;

        public bool Fill()
        {
            if (Next > End + Beyond) return false;
            Inflater.Fill(ref Bits, ref Count, ref Next);
            return true;
        }

        public void Drop(int count)
        {
            Bits >>= count;
            Count -= count;
        }

        public uint Take(int count)
        {
            var value = (uint)Bits & ((1u << count) - 1);
            Drop(count);
            return value;
        }

        /// <summary>Drops what is left of the current byte, and gives whole bytes back.</summary>
        public void ToByte()
        {
            Next -= Count >> 3;
            (Bits, Count) = (0, 0);
        }
    }
}

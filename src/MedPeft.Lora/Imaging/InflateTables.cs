namespace MedPeft.Lora.Imaging;

/// <summary>The decoding tables of one deflate block: RFC 1951, §3.2. An entry says what the next bits mean, and how many of them that takes.</summary>
/// <remarks>
/// An entry, from its lowest bit: 5 bits, how many bits it takes; 2 bits, how many literals it gives; 1 bit, that it is a length or distance; 1 bit, that
/// longer codes follow in a table of their own; 1 bit, the end of the block; 6 bits, extra bits of a length or the width of that table; 16 bits, one or
/// two literals, the base of a length or distance, or where that table starts. An entry of 0 is no code.
/// </remarks>
internal sealed class InflateTables
{
    /// <summary>Bits that the first look-up of a literal or length takes.</summary>
    public const int LiteralBits = 12;

    /// <summary>Bits that the first look-up of a distance takes.</summary>
    public const int DistanceBits = 9;

    public const uint HasBase = 1 << 7;
    public const uint HasTable = 1 << 8;
    public const uint IsEnd = 1 << 9;
    public const int LiteralShift = 5;
    public const int ExtraShift = 10;
    public const int ValueShift = 16;

    public const int Literals = 288;
    public const int Distances = 32;

    private const int LongestCode = 15;

    // The longest codes need a table of 2³ or 2⁶ entries for each of the short beginnings they share; so many can never be filled.
    private readonly uint[] _literals = new uint[(1 << LiteralBits) + (Literals << (LongestCode - LiteralBits))];
    private readonly uint[] _distances = new uint[(1 << DistanceBits) + (Distances << (LongestCode - DistanceBits))];

    public uint[] LiteralTable => _literals;

    public uint[] DistanceTable => _distances;

    /// <summary>Fills the table of literals and lengths; false if the lengths make no whole code.</summary>
    public bool BuildLiterals(ReadOnlySpan<byte> lengths)
    {
        if (lengths[256] == 0 || !Fill(_literals, LiteralBits, lengths, Literal, allowOne: false)) return false;
        // Two short literals in a row become one entry: radiographs are mostly literals.
        for (var i = (1 << LiteralBits) - 1; i >= 0; i--)
        {
            var first = _literals[i];
            if ((first >> LiteralShift & 3) != 1) continue;
            var taken = (int)(first & 31);
            // The rest of the bits, from above: entries of smaller numbers are not doubled yet, and i >> taken is smaller but for zero.
            var second = _literals[i >> taken];
            var bits = taken + (int)(second & 31);
            if ((second >> LiteralShift & 3) != 1 || bits > LiteralBits) continue;
            _literals[i] = (uint)bits | 2u << LiteralShift | (first >> ValueShift & 255) << ValueShift | (second >> ValueShift & 255) << (ValueShift + 8);
        }

        return true;
    }

    /// <summary>Fills the table of distances; false if the lengths make no whole code. One code alone, or none, is allowed.</summary>
    public bool BuildDistances(ReadOnlySpan<byte> lengths) => Fill(_distances, DistanceBits, lengths, Distance, allowOne: true);

    private static uint Literal(int symbol)
    {
        if (symbol < 256) return 1u << LiteralShift | (uint)symbol << ValueShift;
        if (symbol == 256) return IsEnd;
        if (symbol > 285) return 0;
        // Lengths 3 to 10 have a code each, then four codes share each number of extra bits; the last one is 258 alone.
        var k = symbol - 257;
        var extra = k is < 8 or 28 ? 0 : k / 4 - 1;
        var start = k < 8 ? k + 3 : k == 28 ? 258 : ((4 + k % 4) << extra) + 3;
        return HasBase | (uint)extra << ExtraShift | (uint)start << ValueShift;
    }

    private static uint Distance(int symbol)
    {
        if (symbol > 29) return 0;
        var extra = symbol < 4 ? 0 : symbol / 2 - 1;
        var start = symbol < 4 ? symbol + 1 : ((2 + symbol % 2) << extra) + 1;
        return HasBase | (uint)extra << ExtraShift | (uint)start << ValueShift;
    }

    private static bool Fill(uint[] table, int bits, ReadOnlySpan<byte> lengths, Func<int, uint> meaning, bool allowOne)
    {
        Span<int> count = stackalloc int[LongestCode + 1];
        Span<int> next = stackalloc int[LongestCode + 2];
        foreach (var length in lengths) count[length]++;
        var (left, used) = (1, lengths.Length - count[0]);
        count[0] = 0;
        for (var length = 1; length <= LongestCode; length++)
        {
            left = (left << 1) - count[length];
            if (left < 0) return false;
            next[length + 1] = (next[length] + count[length]) << 1;
        }

        if (left > 0 && !(allowOne && (used == 0 || (used == 1 && count[1] == 1)))) return false;
        Array.Clear(table, 0, 1 << bits);
        var free = 1 << bits;
        for (var symbol = 0; symbol < lengths.Length; symbol++)
        {
            int length = lengths[symbol];
            if (length == 0) continue;
            var entry = meaning(symbol);
            // Codes come with their first bit first, numbers with their last.
            var code = Reverse(next[length]++, length);
            if (length <= bits)
            {
                var whole = entry == 0 ? 0 : entry | (uint)length;
                for (var i = code; i < 1 << bits; i += 1 << length) table[i] = whole;
                continue;
            }

            var start = code & ((1 << bits) - 1);
            if (table[start] == 0)
            {
                const int size = LongestCode;
                table[start] = HasTable | (uint)bits | (uint)(size - bits) << ExtraShift | (uint)free << ValueShift;
                Array.Clear(table, free, 1 << (size - bits));
                free += 1 << (size - bits);
            }

            var at = (int)(table[start] >> ValueShift);
            var rest = entry == 0 ? 0 : entry | (uint)(length - bits);
            for (var i = code >> bits; i < 1 << (LongestCode - bits); i += 1 << (length - bits)) table[at + i] = rest;
        }

        return true;
    }

    private static int Reverse(int code, int length)
    {
        var reversed = 0;
        for (var i = 0; i < length; i++, code >>= 1) reversed = (reversed << 1) | (code & 1);
        return reversed;
    }
}

namespace MedPeft.Lora.Imaging;

/// <summary>The code in which a deflate block gives the lengths of its codes: 19 symbols of up to seven bits, RFC 1951 §3.2.7.</summary>
internal static class InflateLengths
{
    private const int Longest = 7;

    /// <summary>Fills a table of 128 entries, each the symbol and, above five bits, its length; false if the lengths make no whole code.</summary>
    public static bool Build(ReadOnlySpan<byte> lengths, Span<byte> table)
    {
        var (code, filled) = (0, 0);
        for (var length = 1; length <= Longest; length++, code <<= 1)
        {
            for (var symbol = 0; symbol < lengths.Length; symbol++)
            {
                if (lengths[symbol] != length) continue;
                if (code >= 1 << length) return false;
                var reversed = 0;
                for (var i = 0; i < length; i++) reversed |= (code >> i & 1) << (length - 1 - i);
                for (var i = reversed; i < table.Length; i += 1 << length, filled++) table[i] = (byte)(length << 5 | symbol);
                code++;
            }
        }

        return filled == table.Length;
    }
}

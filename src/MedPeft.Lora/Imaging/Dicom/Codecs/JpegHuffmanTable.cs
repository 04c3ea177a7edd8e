namespace MedPeft.Lora.Imaging.Dicom.Codecs;

/// <summary>A Huffman code: ISO 10918-1 annex C. Codes of up to nine bits are one look-up away.</summary>
internal sealed class JpegHuffmanTable
{
    private const int FastBits = 9;
    private readonly ushort[] _fast = new ushort[1 << FastBits]; // length << 8 | symbol; 0: the code is longer, or none
    private readonly int[] _limits = new int[18]; // the first 16-bit word above the codes of a length
    private readonly int[] _offsets = new int[17];
    private readonly byte[] _symbols;

    public JpegHuffmanTable(ReadOnlySpan<byte> lengths, ReadOnlySpan<byte> symbols)
    {
        _symbols = symbols.ToArray();
        var (code, index) = (0, 0);
        for (var length = 1; length <= 16; length++)
        {
            _offsets[length] = index - code;
            for (var i = 0; i < lengths[length - 1]; i++, code++, index++)
            {
                if (code >= 1 << length) throw JpegStream.Error("has a Huffman table with more codes than its lengths allow");
                if (length <= FastBits) _fast.AsSpan(code << (FastBits - length), 1 << (FastBits - length)).Fill((ushort)((length << 8) | symbols[index]));
            }

            _limits[length] = code << (16 - length);
            code <<= 1;
        }

        _limits[17] = int.MaxValue;
    }

    /// <summary>Finds the code at the start of 16 bits.</summary>
    /// <param name="bits">The next 16 bits.</param>
    /// <param name="length">Bits of the code, 1 to 16.</param>
    /// <returns>The symbol.</returns>
    public int Find(int bits, out int length)
    {
        var entry = _fast[bits >> (16 - FastBits)];
        if (entry != 0)
        {
            length = entry >> 8;
            return entry & 0xFF;
        }

        length = FastBits + 1;
        while (bits >= _limits[length]) length++;
        if (length > 16) throw JpegStream.Error("has bits that are no Huffman code");
        return _symbols[(bits >> (16 - length)) + _offsets[length]];
    }
}

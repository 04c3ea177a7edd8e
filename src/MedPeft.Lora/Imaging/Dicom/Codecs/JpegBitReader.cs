namespace MedPeft.Lora.Imaging.Dicom.Codecs;

/// <summary>Bits of a JPEG scan: ISO 10918-1 §F.2.2.5. After a byte FF a stuffed 00 goes; any other byte there is a marker, at which the bits end.</summary>
internal ref struct JpegBitReader(ReadOnlySpan<byte> data, int start)
{
    private readonly ReadOnlySpan<byte> _data = data;
    private ulong _bits; // the next bit is the highest
    private int _count;
    private int _missing; // zero bits that stand for data after the end

    /// <summary>The next byte that is not in the buffer; at a marker, the marker.</summary>
    public int Position { get; private set; } = start;

    /// <summary>Whether more bits were taken than the data holds.</summary>
    public readonly bool Overrun => _count < _missing;

    /// <summary>Makes at least 48 bits ready.</summary>
    public void Fill()
    {
        if (_count >= 48) return;
        while (_count <= 56)
        {
            ulong next = 0;
            if (Position < _data.Length && (_data[Position] != 0xFF || (Position + 1 < _data.Length && _data[Position + 1] == 0)))
            {
                next = _data[Position];
                Position += next == 0xFF ? 2 : 1;
            }
            else
            {
                _missing += 8;
            }

            _bits |= next << (56 - _count);
            _count += 8;
        }
    }

    /// <summary>Decodes one symbol; wants a <see cref="Fill"/> every 48 bits.</summary>
    public int Symbol(JpegHuffmanTable table)
    {
        var symbol = table.Find((int)(_bits >> 48), out var length);
        _bits <<= length;
        _count -= length;
        return symbol;
    }

    /// <summary>The signed number of a category, 1 to 15: ISO 10918-1 §F.2.2.1, EXTEND.</summary>
    public int Signed(int category)
    {
        var value = (int)(_bits >> (64 - category));
        _bits <<= category;
        _count -= category;
        return value < 1 << (category - 1) ? value - (1 << category) + 1 : value;
    }

    /// <summary>Steps over the restart marker that ends an interval.</summary>
    public void Restart(int number)
    {
        if (Overrun || Position + 1 >= _data.Length || _data[Position] != 0xFF || _data[Position + 1] != 0xD0 + (number & 7))
            throw JpegStream.Error($"lacks the restart marker FF{0xD0 + (number & 7):X2} at byte {Position} of its bits");
        Position += 2;
        (_bits, _count, _missing) = (0, 0, 0);
    }
}

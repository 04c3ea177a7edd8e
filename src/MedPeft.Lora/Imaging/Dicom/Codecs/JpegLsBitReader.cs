using System.Numerics;

namespace MedPeft.Lora.Imaging.Dicom.Codecs;

/// <summary>Bits of a JPEG-LS scan: ISO 14495-1 §A.1. The byte after an FF gives seven bits; were its highest bit set, it would be a marker.</summary>
internal ref struct JpegLsBitReader(ReadOnlySpan<byte> data, int start)
{
    private readonly ReadOnlySpan<byte> _data = data;
    private ulong _bits; // the next bit is the highest
    private int _count;
    private int _missing; // zero bits that stand for data after the end
    private int _position = start; // the next byte that is not in the buffer; at a marker, its second byte
    private bool _afterFf;
    private bool _atMarker;

    /// <summary>Where to look for the next marker.</summary>
    public readonly int Position => _atMarker ? _position - 1 : _position;

    /// <summary>Whether more bits were taken than the data holds.</summary>
    public readonly bool Overrun => _count < _missing;

    private void Fill()
    {
        while (_count <= 56)
        {
            var width = 8;
            ulong next = 0;
            if (_position < _data.Length && !(_afterFf && _data[_position] >= 0x80))
            {
                next = _data[_position++];
                if (_afterFf) width = 7;
                _afterFf = next == 0xFF;
            }
            else
            {
                // The FF of the marker went in as if it were data: it counts as missing too.
                _missing += !_atMarker && _afterFf ? 16 : 8;
                _atMarker |= _afterFf;
            }

            _bits |= next << (64 - width - _count);
            _count += width;
        }
    }

    public int Bit() => (int)Bits(1);

    /// <summary>Up to 32 bits as a number.</summary>
    public uint Bits(int width)
    {
        if (width == 0) return 0;
        if (_count < width) Fill();
        var value = (uint)(_bits >> (64 - width));
        _bits <<= width;
        _count -= width;
        return value;
    }

    /// <summary>Counts zero bits up to the next one, which is taken too.</summary>
    /// <param name="most">No valid stream has more.</param>
    public int Zeros(int most)
    {
        var total = 0;
        while (true)
        {
            if (_count < 40) Fill();
            var zeros = BitOperations.LeadingZeroCount(_bits);
            if (zeros < _count)
            {
                total += zeros;
                _bits = _bits << zeros << 1;
                _count -= zeros + 1;
                return total <= most ? total : throw Error("codes a value by more zeros than its range allows");
            }

            total += _count;
            (_bits, _count) = (0, 0);
            if (total > most) throw Error("codes a value by more zeros than its range allows");
        }
    }

    /// <summary>What is wrong; were bits made up after the end, then that it ended.</summary>
    public readonly DicomFormatException Error(string problem) => JpegStream.Error(Overrun ? "ends before its last row" : problem);

    /// <summary>Steps over the restart marker that ends an interval.</summary>
    public void Restart(int number)
    {
        Fill();
        if (Overrun || !_atMarker || _position >= _data.Length || _data[_position] != 0xD0 + (number & 7))
            throw JpegStream.Error($"lacks the restart marker FF{0xD0 + (number & 7):X2} at byte {Position} of its bits");
        _position++;
        (_bits, _count, _missing, _afterFf, _atMarker) = (0, 0, 0, false, false);
    }
}

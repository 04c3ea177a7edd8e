namespace MedPeft.Lora.Tests.Imaging.Dicom.Writers;

/// <summary>Bits, high ones first, with the stuffing of JPEG (a byte 00 after FF) or of JPEG-LS (a bit 0 after FF).</summary>
internal sealed class BitWriter(bool stuffBit)
{
    private readonly List<byte> _bytes = [];
    private int _current;
    private int _free = 8;

    public void Put(long value, int width)
    {
        for (var i = width - 1; i >= 0; i--) PutBit((int)(value >> i) & 1);
    }

    public void PutBit(int bit)
    {
        _current |= bit << --_free;
        if (_free == 0) Flush();
    }

    /// <summary>Fills the last byte, with ones for JPEG and zeros for JPEG-LS.</summary>
    public byte[] ToArray()
    {
        while (_free is > 0 and < 8 && !(stuffBit && _free == 7 && _bytes.Count > 0 && _bytes[^1] == 0xFF && _current == 0)) PutBit(stuffBit ? 0 : 1);
        if (stuffBit && _bytes.Count > 0 && _bytes[^1] == 0xFF) _bytes.Add(0);
        return [.. _bytes];
    }

    private void Flush()
    {
        _bytes.Add((byte)_current);
        var isFf = _current == 0xFF;
        (_current, _free) = (0, 8);
        if (!isFf) return;
        if (stuffBit) _free = 7;
        else _bytes.Add(0);
    }
}

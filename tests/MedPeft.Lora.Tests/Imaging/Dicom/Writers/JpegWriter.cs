namespace MedPeft.Lora.Tests.Imaging.Dicom.Writers;

/// <summary>Marker segments, and a Huffman code that gives every symbol a fixed number of bits.</summary>
internal sealed class JpegWriter
{
    private readonly List<byte> _bytes = [0xFF, 0xD8];

    public JpegWriter Segment(byte marker, params byte[] content)
    {
        _bytes.AddRange([0xFF, marker, (byte)((content.Length + 2) >> 8), (byte)(content.Length + 2), .. content]);
        return this;
    }

    public JpegWriter Frame(byte marker, int precision, int width, int height, int components) =>
        Segment(marker, [(byte)precision, (byte)(height >> 8), (byte)height, (byte)(width >> 8), (byte)width, (byte)components,
            .. Enumerable.Range(1, components).SelectMany(id => new byte[] { (byte)id, 0x11, 0 })]);

    /// <summary>A table in which the code of symbol i is i, in <paramref name="bits"/> bits.</summary>
    public JpegWriter FlatHuffman(byte number, int symbols, int bits)
    {
        var lengths = new byte[16];
        lengths[bits - 1] = (byte)symbols;
        return Segment(0xC4, [number, .. lengths, .. Enumerable.Range(0, symbols).Select(i => (byte)i)]);
    }

    public JpegWriter Restart(int interval) => interval == 0 ? this : Segment(0xDD, (byte)(interval >> 8), (byte)interval);

    public JpegWriter Scan(int[] components, int start, int end, int approximation, params byte[][] intervals)
    {
        Segment(0xDA, [(byte)components.Length, .. components.SelectMany(id => new byte[] { (byte)(id + 1), 0 }), (byte)start, (byte)end, (byte)approximation]);
        for (var i = 0; i < intervals.Length; i++)
        {
            if (i > 0) _bytes.AddRange([0xFF, (byte)(0xD0 + ((i - 1) % 8))]);
            _bytes.AddRange(intervals[i]);
        }

        return this;
    }

    public byte[] End() => [.. _bytes, 0xFF, 0xD9];
}

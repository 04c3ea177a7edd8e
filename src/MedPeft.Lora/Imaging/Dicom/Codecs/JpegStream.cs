using System.Buffers.Binary;

namespace MedPeft.Lora.Imaging.Dicom.Codecs;

/// <summary>One colour component of a JPEG frame header.</summary>
internal readonly record struct JpegComponent(byte Id, int Horizontal, int Vertical, int QuantTable);

/// <summary>One component of a scan: its place in the frame, and its Huffman tables.</summary>
internal readonly record struct JpegScanComponent(int Index, int DcTable, int AcTable);

/// <summary>A scan header: ISO 10918-1 §B.2.3, ISO 14495-1 §C.2.3.</summary>
/// <param name="Components">Its components.</param>
/// <param name="Start">Ss: the predictor of a lossless scan, NEAR of a JPEG-LS one.</param>
/// <param name="End">Se: the interleave mode of a JPEG-LS scan.</param>
/// <param name="Approximation">Ah and Al: the point transform.</param>
/// <param name="DataStart">Where the coded bits start.</param>
internal sealed record JpegScan(JpegScanComponent[] Components, int Start, int End, int Approximation, int DataStart);

/// <summary>Walks the marker segments of a JPEG picture and keeps their tables: ISO 10918-1 annex B.</summary>
internal sealed class JpegStream
{
    private readonly ReadOnlyMemory<byte> _data;
    private int _position;
    private int _tables;

    public JpegStream(ReadOnlyMemory<byte> data)
    {
        _data = data;
        if (data.Length < 4 || data.Span[0] != 0xFF || data.Span[1] != 0xD8) throw Error("does not begin with the marker FFD8");
        _position = 2;
    }

    /// <summary>The marker's second byte: C0 baseline, C1 extended, C3 lossless, F7 JPEG-LS. 0 before the frame header.</summary>
    public int FrameMarker { get; private set; }

    public int Precision { get; private set; }

    public int Width { get; private set; }

    public int Height { get; private set; }

    public JpegComponent[] Components { get; private set; } = [];

    public int RestartInterval { get; private set; }

    public bool HasColourMarker { get; private set; }

    public JpegHuffmanTable?[] DcTables { get; } = new JpegHuffmanTable?[4];

    public JpegHuffmanTable?[] AcTables { get; } = new JpegHuffmanTable?[4];

    public ushort[]?[] QuantTables { get; } = new ushort[]?[4];

    public JpegLsPreset Preset { get; private set; }

    public ReadOnlySpan<byte> Data => _data.Span;

    public static DicomFormatException Error(string problem, Exception? inner = null) => new($"holds a JPEG picture that {problem}. The file is truncated or damaged: fetch it again.", inner);

    /// <summary>Reads on to the next scan.</summary>
    /// <param name="from">Where to start to look; the end of the last scan's bits.</param>
    /// <returns>Its header, or null at the end of the picture.</returns>
    public JpegScan? NextScan(int from = 0)
    {
        _position = Math.Max(_position, from);
        var data = _data.Span;
        while (true)
        {
            var marker = NextMarker(data);
            if (marker is 0xD9 or < 0) return null;
            if (marker is 0xD8 or 0x01) continue;
            var segment = Segment(data, marker);
            switch (marker)
            {
                case 0xC4:
                    ReadHuffman(segment);
                    break;
                case 0xDB:
                    ReadQuant(segment);
                    break;
                case 0xDD:
                    RestartInterval = ReadInterval(segment);
                    break;
                case 0xE0 or 0xEE:
                    HasColourMarker |= segment.StartsWith("JFIF"u8) || segment.StartsWith("Adobe"u8);
                    break;
                case 0xE8 when segment.StartsWith("mrfx"u8) && segment.Length > 4 && segment[4] != 0:
                    throw new DicomFormatException("holds a JPEG-LS picture with a colour transform of its maker, which is not decoded. Convert it: gdcmconv --raw in.dcm out.dcm");
                case 0xF8:
                    ReadPreset(segment);
                    break;
                case (>= 0xC0 and <= 0xCF and not 0xC8 and not 0xCC) or 0xF7:
                    ReadFrame(segment, marker);
                    break;
                case 0xDA:
                    return ReadScan(segment);
                case 0xDC or 0xDE or 0xDF or 0xCC:
                    throw new DicomFormatException($"holds a JPEG picture with the marker FF{marker:X2} (line count, hierarchy or arithmetic coding), which is not decoded. Convert it: gdcmconv --raw in.dcm out.dcm");
            }
        }
    }

    /// <summary>Checks the frame header against what the data set says, before anything is allocated.</summary>
    public void CheckFrame(int columns, int rows, int samples)
    {
        if (FrameMarker == 0) throw Error("has a scan before its frame header");
        if (Width != columns || Height != rows || Components.Length != samples)
            throw new DicomFormatException($"holds a JPEG picture of {Width}x{Height} pixels with {Components.Length} component(s), but claims {columns}x{rows} with {samples}. The file is damaged.");
    }

    /// <summary>Decodes scan after scan until each component has come once.</summary>
    /// <param name="first">The first scan.</param>
    /// <param name="samples">Components of the picture.</param>
    /// <param name="decode">Decodes a scan and says where its bits end.</param>
    public void DecodeScans(JpegScan first, int samples, Func<JpegScan, int> decode)
    {
        var (done, all) = (0u, (1u << samples) - 1);
        for (var next = first; next is not null && done != all;)
        {
            foreach (var component in next.Components)
            {
                if ((done & (1u << component.Index)) != 0) throw Error("codes a component twice");
                done |= 1u << component.Index;
            }

            next = NextScan(decode(next));
        }

        if (done != all) throw Error("lacks a scan for one of its components");
    }

    private int NextMarker(ReadOnlySpan<byte> data)
    {
        while (true)
        {
            var found = data[_position..].IndexOf((byte)0xFF);
            if (found < 0) return -1;
            _position += found;
            while (_position < data.Length && data[_position] == 0xFF) _position++;
            if (_position == data.Length) return -1;
            var marker = data[_position++];
            if (marker is not (0 or (>= 0xD0 and <= 0xD7)) && (FrameMarker != 0xF7 || marker >= 0x80)) return marker;
        }
    }

    private ReadOnlySpan<byte> Segment(ReadOnlySpan<byte> data, int marker)
    {
        if (data.Length - _position < 2) throw Error($"ends inside the segment FF{marker:X2}");
        var length = BinaryPrimitives.ReadUInt16BigEndian(data[_position..]);
        if (length < 2 || length > data.Length - _position) throw Error($"has a segment FF{marker:X2} of {length} bytes where {data.Length - _position} are left");
        var segment = data.Slice(_position + 2, length - 2);
        _position += length;
        return segment;
    }

    private void ReadFrame(ReadOnlySpan<byte> segment, int marker)
    {
        if (FrameMarker != 0) throw Error("has two frame headers");
        if (segment.Length < 6 || segment.Length < 6 + (3 * segment[5]) || segment[5] == 0) throw Error("has a frame header that is too short");
        FrameMarker = marker;
        Precision = segment[0];
        Height = BinaryPrimitives.ReadUInt16BigEndian(segment[1..]);
        Width = BinaryPrimitives.ReadUInt16BigEndian(segment[3..]);
        Components = new JpegComponent[segment[5]];
        for (var i = 0; i < Components.Length; i++)
        {
            var part = segment.Slice(6 + (3 * i), 3);
            Components[i] = new JpegComponent(part[0], part[1] >> 4, part[1] & 15, part[2]);
        }
    }

    private JpegScan ReadScan(ReadOnlySpan<byte> segment)
    {
        if (FrameMarker == 0) throw Error("has a scan before its frame header");
        if (segment.Length < 1 || segment[0] is 0 or > 4 || segment.Length < 4 + (2 * segment[0])) throw Error("has a scan header that is too short");
        var components = new JpegScanComponent[segment[0]];
        for (var i = 0; i < components.Length; i++)
        {
            var (id, tables) = (segment[1 + (2 * i)], segment[2 + (2 * i)]);
            var index = Array.FindIndex(Components, component => component.Id == id);
            if (index < 0) throw Error($"has a scan of a component {id} that its frame header does not name");
            if (FrameMarker == 0xF7 && tables != 0) throw new DicomFormatException("holds a JPEG-LS picture with a mapping table, which is not decoded. Convert it: gdcmconv --raw in.dcm out.dcm");
            components[i] = new JpegScanComponent(index, (tables >> 4) & 3, tables & 3);
        }

        var rest = segment[(1 + (2 * components.Length))..];
        return new JpegScan(components, rest[0], rest[1], rest[2], _position);
    }

    private void ReadHuffman(ReadOnlySpan<byte> segment)
    {
        while (!segment.IsEmpty)
        {
            if (segment.Length < 17) throw Error("has a Huffman table that is too short");
            if (++_tables > 1024) throw Error("has more than 1,024 Huffman tables");
            var count = 0;
            foreach (var lengths in segment.Slice(1, 16)) count += lengths;
            if (count > 256 || segment.Length < 17 + count) throw Error("has a Huffman table that is too short");
            if ((segment[0] & 0xF0) > 0x10 || (segment[0] & 15) > 3) throw Error($"has a Huffman table with the number {segment[0]:X2}");
            (segment[0] < 0x10 ? DcTables : AcTables)[segment[0] & 15] = new JpegHuffmanTable(segment.Slice(1, 16), segment.Slice(17, count));
            segment = segment[(17 + count)..];
        }
    }

    private void ReadQuant(ReadOnlySpan<byte> segment)
    {
        while (!segment.IsEmpty)
        {
            var (wide, number) = (segment[0] >> 4, segment[0] & 15);
            if (wide > 1 || number > 3 || segment.Length < 1 + (64 << wide)) throw Error("has a quantisation table that is too short or wrongly numbered");
            var table = new ushort[64];
            for (var i = 0; i < 64; i++) table[i] = wide == 0 ? segment[1 + i] : BinaryPrimitives.ReadUInt16BigEndian(segment[(1 + (2 * i))..]);
            QuantTables[number] = table;
            segment = segment[(1 + (64 << wide))..];
        }
    }

    /// <summary>Two bytes in a JPEG picture; JPEG-LS also has three and four.</summary>
    private static int ReadInterval(ReadOnlySpan<byte> segment)
    {
        if (segment.Length is < 2 or > 4) throw Error("has a restart interval of a wrong length");
        long interval = 0;
        foreach (var part in segment) interval = (interval << 8) | part;
        return interval <= int.MaxValue ? (int)interval : throw Error("has a restart interval of a wrong length");
    }

    private void ReadPreset(ReadOnlySpan<byte> segment)
    {
        if (segment.IsEmpty || segment[0] != 1)
            throw new DicomFormatException("holds a JPEG picture with a mapping table or an oversize header (JPEG-LS), which is not decoded. Convert it: gdcmconv --raw in.dcm out.dcm");
        if (segment.Length < 11) throw Error("has coding parameters that are too short");
        int At(ReadOnlySpan<byte> bytes, int index) => BinaryPrimitives.ReadUInt16BigEndian(bytes[(1 + (2 * index))..]);
        Preset = new JpegLsPreset(At(segment, 0), At(segment, 1), At(segment, 2), At(segment, 3), At(segment, 4));
    }
}

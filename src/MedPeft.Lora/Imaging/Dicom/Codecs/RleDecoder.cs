using System.Buffers.Binary;

namespace MedPeft.Lora.Imaging.Dicom.Codecs;

/// <summary>Run-length coding: PS3.5 annex G. One PackBits segment for each byte of each sample, the high byte first.</summary>
internal static class RleDecoder
{
    private const int HeaderLength = 64;

    /// <summary>Decodes one frame to [rows, columns, samples].</summary>
    public static ushort[] Decode(ReadOnlySpan<byte> data, PixelLayout layout)
    {
        var bytes = layout.BitsAllocated / 8;
        var segments = layout.Samples * bytes;
        if (data.Length < HeaderLength) throw new DicomFormatException($"holds an RLE frame of {data.Length} bytes; its header alone takes {HeaderLength}. The file is truncated.");
        var found = BinaryPrimitives.ReadUInt32LittleEndian(data);
        if (found != segments) throw new DicomFormatException($"holds an RLE frame of {found} segments; {layout.Samples} sample(s) of {layout.BitsAllocated} bits have {segments}. The file is damaged.");

        // Two bytes unfold to 128 at most: nothing is allocated that the data cannot fill.
        var size = layout.Columns * layout.Rows;
        if ((long)size * segments > (long)data.Length * 64) throw Truncated();
        var cells = new ushort[layout.SamplesPerFrame];
        var plane = new byte[size];
        for (var segment = 0; segment < segments; segment++)
        {
            Unpack(Segment(data, segment, segments), plane);
            var shift = 8 * (bytes - 1 - (segment % bytes));
            for (int i = 0, cell = segment / bytes; i < plane.Length; i++, cell += layout.Samples) cells[cell] |= (ushort)(plane[i] << shift);
        }

        return cells;
    }

    private static ReadOnlySpan<byte> Segment(ReadOnlySpan<byte> data, int segment, int segments)
    {
        var start = BinaryPrimitives.ReadUInt32LittleEndian(data[(4 + (4 * segment))..]);
        var end = segment + 1 < segments ? BinaryPrimitives.ReadUInt32LittleEndian(data[(8 + (4 * segment))..]) : (uint)data.Length;
        if (start < HeaderLength || start > end || end > data.Length)
            throw new DicomFormatException($"has RLE segment {segment} at bytes {start} to {end} of {data.Length}. The file is truncated or damaged.");
        return data[(int)start..(int)end];
    }

    private static void Unpack(ReadOnlySpan<byte> packed, Span<byte> plane)
    {
        var position = 0;
        while (!plane.IsEmpty)
        {
            if (position >= packed.Length) throw Truncated();
            var control = packed[position++];
            if (control == 128) continue;
            if (control < 128)
            {
                var count = Math.Min(control + 1, plane.Length);
                if (packed.Length - position < count) throw Truncated();
                packed.Slice(position, count).CopyTo(plane);
                position += control + 1;
                plane = plane[count..];
            }
            else
            {
                if (position >= packed.Length) throw Truncated();
                var count = Math.Min(257 - control, plane.Length);
                plane[..count].Fill(packed[position++]);
                plane = plane[count..];
            }
        }
    }

    private static DicomFormatException Truncated() => new("ends inside an RLE segment, before all pixels are filled. The file is truncated: fetch it again.");
}

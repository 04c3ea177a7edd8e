using System.Buffers.Binary;

namespace MedPeft.Lora.Imaging.Dicom;

/// <summary>Encapsulated pixel data: PS3.5 annex A.4. A first item of frame offsets, then the fragments of the frames, then a delimiter.</summary>
internal static class Fragments
{
    /// <summary>Steps over all items of encapsulated pixel data.</summary>
    /// <returns>Where the delimiter starts.</returns>
    public static int FindEnd(ReadOnlySpan<byte> data, int start)
    {
        while (true)
        {
            if (data.Length - start < 8)
                throw new DicomFormatException("ends before the delimiter (FFFE,E0DD) of its pixel data. The file is truncated: fetch it again.");
            var item = ElementReader.Read(data, start, data.Length, implicitVr: true, bigEndian: false);
            if (item.Tag == DicomTag.SequenceEnd) return start;
            if (item.Tag != DicomTag.Item || item.IsUndefined)
                throw new DicomFormatException($"has {DicomTag.Name(item.Tag)} at byte {start}, among the fragments of its pixel data, where an item of known length belongs. The file is damaged.");
            start = item.ValueStart + (int)item.Length;
        }
    }

    /// <summary>The bytes of one frame; a copy only where the frame has several fragments.</summary>
    /// <param name="pixels">All items, as <see cref="FindEnd"/> has checked them.</param>
    /// <param name="frame">Which frame, from 0.</param>
    /// <param name="frames">How many frames the file claims.</param>
    /// <param name="endsWithMarker">A frame ends with the JPEG marker FFD9, which then tells frames apart.</param>
    public static ReadOnlyMemory<byte> Frame(ReadOnlyMemory<byte> pixels, int frame, int frames, bool endsWithMarker)
    {
        var items = List(pixels.Span);
        if (items.Count < 2) throw new DicomFormatException("holds no fragment of pixel data. The file is truncated or damaged.");
        var table = pixels.Span.Slice(items[0].Start, items[0].Length);
        items.RemoveAt(0);

        if (frames == 1) return Join(pixels, items, 0, items.Count);
        if (ByTable(table, items, frames) is { } starts) return Join(pixels, items, starts[frame], starts[frame + 1]);
        if (items.Count == frames) return Join(pixels, items, frame, frame + 1);
        if (endsWithMarker && ByMarker(pixels.Span, items, frames) is { } ends) return Join(pixels, items, ends[frame], ends[frame + 1]);
        throw new DicomFormatException($"holds {items.Count} fragments for {frames} frames and no usable table of offsets, so its frames cannot be told apart. Rewrite it: gdcmconv --raw in.dcm out.dcm");
    }

    private static List<(int Start, int Length)> List(ReadOnlySpan<byte> pixels)
    {
        var items = new List<(int, int)>();
        for (var position = 0; pixels.Length - position >= 8;)
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(pixels[(position + 4)..]);
            items.Add((position + 8, length));
            position += 8 + length;
        }

        return items;
    }

    /// <summary>The first fragment of each frame by the offset table, or null when the table is absent or wrong: it is compared with the fragments, never used as an index.</summary>
    private static int[]? ByTable(ReadOnlySpan<byte> table, List<(int Start, int Length)> items, int frames)
    {
        if (frames > items.Count || table.Length != 4L * frames) return null;
        var starts = new int[frames + 1];
        var item = 0;
        for (var frame = 0; frame < frames; frame++)
        {
            var offset = BinaryPrimitives.ReadUInt32LittleEndian(table[(4 * frame)..]);
            if (frame == 0 && offset != 0) return null;
            while (item < items.Count && items[item].Start - items[0].Start < offset) item++;
            if (item == items.Count || items[item].Start - items[0].Start != offset || (frame > 0 && item == starts[frame - 1])) return null;
            starts[frame] = item;
        }

        starts[frames] = items.Count;
        return starts;
    }

    private static int[]? ByMarker(ReadOnlySpan<byte> pixels, List<(int Start, int Length)> items, int frames)
    {
        if (frames > items.Count) return null;
        var starts = new int[frames + 1];
        var frame = 0;
        for (var item = 0; item < items.Count; item++)
        {
            var bytes = pixels.Slice(items[item].Start, items[item].Length).TrimEnd((byte)0);
            if (!bytes.EndsWith((ReadOnlySpan<byte>)[0xFF, 0xD9])) continue;
            if (++frame > frames) return null;
            starts[frame] = item + 1;
        }

        return frame == frames && starts[frames] == items.Count ? starts : null;
    }

    private static ReadOnlyMemory<byte> Join(ReadOnlyMemory<byte> pixels, List<(int Start, int Length)> items, int first, int end)
    {
        if (end - first == 1) return pixels.Slice(items[first].Start, items[first].Length);
        long total = 0;
        for (var i = first; i < end; i++) total += items[i].Length;
        var joined = new byte[total];
        var position = 0;
        for (var i = first; i < end; i++)
        {
            pixels.Span.Slice(items[i].Start, items[i].Length).CopyTo(joined.AsSpan(position));
            position += items[i].Length;
        }

        return joined;
    }
}

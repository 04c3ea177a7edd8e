namespace MedPeft.Lora.Imaging.Dicom.Codecs;

/// <summary>JPEG-LS, lossless and near-lossless: ISO 14495-1. 2 to 16 bits, components one by one, by line or by pixel, restart intervals of lines.</summary>
internal static class JpegLsDecoder
{
    /// <summary>Decodes a picture to [rows, columns, samples].</summary>
    public static ushort[] Decode(ReadOnlyMemory<byte> data, int columns, int rows, int samples, out int precision)
    {
        var stream = new JpegStream(data);
        var scan = stream.NextScan() ?? throw JpegStream.Error("has no scan");
        stream.CheckFrame(columns, rows, samples);
        precision = stream.Precision;
        if (stream.FrameMarker != 0xF7) throw new DicomFormatException($"holds a JPEG picture of the kind FF{stream.FrameMarker:X2}, but its transfer syntax says JPEG-LS (FFF7). The file is damaged.");
        if (precision is < 2 or > 16) throw JpegStream.Error($"claims {precision} bits; JPEG-LS pictures have 2 to 16");
        if (stream.Components.Any(c => (c.Horizontal, c.Vertical) != (stream.Components[0].Horizontal, stream.Components[0].Vertical)))
            throw new DicomFormatException("holds a JPEG-LS picture with subsampled colour, which is not decoded. Convert it: gdcmconv --raw in.dcm out.dcm");

        // A line takes one bit at least, a bit that says: all as before.
        if (rows > 8L * data.Length) throw JpegStream.Error($"has {data.Length} bytes for {rows} rows");
        var values = new ushort[columns * rows * samples];
        stream.DecodeScans(scan, samples, next => DecodeScan(stream, next, values));
        return values;
    }

    private static int DecodeScan(JpegStream stream, JpegScan scan, ushort[] values)
    {
        var (near, interleave, count) = (scan.Start, scan.End, scan.Components.Length);
        if (scan.Approximation != 0) throw new DicomFormatException("holds a JPEG-LS picture with a point transform, which is not decoded. Convert it: gdcmconv --raw in.dcm out.dcm");
        if (interleave > 2 || (interleave == 0 && count > 1)) throw JpegStream.Error($"claims the interleave mode {interleave} for {count} component(s)");

        var model = new JpegLsModel(stream.Preset.Resolve(stream.Precision, near), near);
        var reader = new JpegLsBitReader(stream.Data, scan.DataStart);
        var (width, stride) = (stream.Width, stream.Width + 2);
        var above = new int[stride * count]; // a line has one place more on each side for the neighbours at the edges
        var line = new int[stride * count];
        Span<int> runs = stackalloc int[4];
        runs.Clear();
        for (var y = 0; y < stream.Height; y++)
        {
            if (stream.RestartInterval > 0 && y > 0 && y % stream.RestartInterval == 0)
            {
                reader.Restart((y / stream.RestartInterval) - 1);
                model.Reset();
                runs.Clear();
                Array.Clear(above);
            }

            for (var i = 0; i < count; i++)
            {
                // §A.2.1: right of the line the neighbour above repeats; left of it the sample above the first one stands in.
                above[(i * stride) + width + 1] = above[(i * stride) + width];
                line[i * stride] = above[(i * stride) + 1];
                if (interleave != 2) JpegLsLine.Decode(ref reader, model, above.AsSpan(i * stride, stride), line.AsSpan(i * stride, stride), ref runs[i]);
            }

            if (interleave == 2) JpegLsPixels.Decode(ref reader, model, above, line, count, ref runs[0]);
            if (reader.Overrun) throw JpegStream.Error($"ends inside row {y} of {stream.Height}");
            for (var i = 0; i < count; i++)
                Store(line.AsSpan((i * stride) + 1, width), values, (y * width * stream.Components.Length) + scan.Components[i].Index, stream.Components.Length);
            (above, line) = (line, above);
        }

        return reader.Position;
    }

    private static void Store(ReadOnlySpan<int> line, ushort[] values, int target, int step)
    {
        for (var x = 0; x < line.Length; x++, target += step) values[target] = (ushort)line[x];
    }
}

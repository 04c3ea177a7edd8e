namespace MedPeft.Lora.Imaging.Dicom.Codecs;

/// <summary>Lossless JPEG with Huffman coding (process 14): ISO 10918-1 annex H. 2 to 16 bits, all seven predictors, point transform, restart intervals.</summary>
/// <remarks>
/// Differences and predictions wrap at 65,536, and values are cut to the precision only when they are stored: some makers' files rely on it.
/// </remarks>
internal static class JpegLosslessDecoder
{
    /// <summary>Decodes a picture to [rows, columns, samples].</summary>
    public static ushort[] Decode(ReadOnlyMemory<byte> data, int columns, int rows, int samples, out int precision)
    {
        var stream = new JpegStream(data);
        var scan = stream.NextScan() ?? throw JpegStream.Error("has no scan");
        stream.CheckFrame(columns, rows, samples);
        precision = stream.Precision;
        if (stream.FrameMarker != 0xC3) throw new DicomFormatException($"holds a JPEG picture of the kind FF{stream.FrameMarker:X2}, but its transfer syntax says lossless (FFC3). The file is damaged.");
        if (precision is < 2 or > 16) throw JpegStream.Error($"claims {precision} bits; lossless pictures have 2 to 16");

        // A sample takes one bit at least: nothing is allocated that the data cannot fill.
        if ((long)columns * rows * samples > 8L * data.Length) throw JpegStream.Error($"has {data.Length} bytes for {columns}x{rows} pixels");
        var values = new ushort[columns * rows * samples];
        stream.DecodeScans(scan, samples, next => new Scan(stream, next, columns, rows, samples).Decode(values));
        return values;
    }

    private readonly ref struct Scan
    {
        private readonly JpegStream _stream;
        private readonly JpegScan _scan;
        private readonly JpegHuffmanTable[] _tables;
        private readonly int _columns;
        private readonly int _rows;
        private readonly int _samples;
        private readonly int _shift;

        public Scan(JpegStream stream, JpegScan scan, int columns, int rows, int samples)
        {
            (_stream, _scan, _columns, _rows, _samples) = (stream, scan, columns, rows, samples);
            _shift = scan.Approximation & 15;
            if (scan.Start is < 1 or > 7) throw JpegStream.Error($"has a lossless scan with predictor {scan.Start}; there are 1 to 7");
            if (_shift >= stream.Precision) throw JpegStream.Error($"shifts {_shift} of its {stream.Precision} bits away");
            if (scan.Components.Length > 1 && stream.Components.Any(c => (c.Horizontal, c.Vertical) != (stream.Components[0].Horizontal, stream.Components[0].Vertical)))
                throw new DicomFormatException("holds a lossless JPEG picture with subsampled colour, which is not decoded. Convert it: gdcmconv --raw in.dcm out.dcm");
            if (stream.RestartInterval % columns != 0)
                throw JpegStream.Error($"restarts every {stream.RestartInterval} pixels, which are no whole rows of {columns}");
            _tables = new JpegHuffmanTable[scan.Components.Length];
            for (var i = 0; i < _tables.Length; i++)
                _tables[i] = stream.DcTables[scan.Components[i].DcTable] ?? throw JpegStream.Error("uses a Huffman table that it does not hold");
        }

        /// <summary>Decodes all rows; returns where the scan's bits end.</summary>
        public int Decode(ushort[] values)
        {
            var reader = new JpegBitReader(_stream.Data, _scan.DataStart);
            var count = _tables.Length;
            var interval = _stream.RestartInterval / _columns;
            var above = new ushort[count * _columns];
            var row = new ushort[count * _columns];
            for (var y = 0; y < _rows; y++)
            {
                var first = y == 0;
                if (interval > 0 && y > 0 && y % interval == 0)
                {
                    reader.Restart((y / interval) - 1);
                    first = true;
                }

                ReadDifferences(ref reader, row);
                if (reader.Overrun) throw JpegStream.Error($"ends inside row {y} of {_rows}");
                for (var i = 0; i < count; i++)
                {
                    var line = row.AsSpan(i * _columns, _columns);
                    if (first) AddFirst(line, 1 << (_stream.Precision - _shift - 1));
                    else Add(line, above.AsSpan(i * _columns, _columns), _scan.Start);
                    Store(line, values, (y * _columns * _samples) + _scan.Components[i].Index);
                }

                (above, row) = (row, above);
            }

            return reader.Position;
        }

        private void ReadDifferences(ref JpegBitReader reader, Span<ushort> row)
        {
            for (var x = 0; x < _columns; x++)
            {
                for (var i = 0; i < _tables.Length; i++)
                {
                    reader.Fill();
                    var category = reader.Symbol(_tables[i]);
                    row[(i * _columns) + x] = category switch
                    {
                        0 => 0,
                        < 16 => (ushort)reader.Signed(category),
                        16 => 32768,
                        _ => throw JpegStream.Error($"codes a difference of {category} bits; 16 is the most"),
                    };
                }
            }
        }

        private void Store(ReadOnlySpan<ushort> line, ushort[] values, int target)
        {
            var mask = (1 << _stream.Precision) - 1;
            for (var x = 0; x < line.Length; x++, target += _samples) values[target] = (ushort)((line[x] << _shift) & mask);
        }
    }

    /// <summary>The first row of a picture or interval: half the range, then always the left neighbour.</summary>
    private static void AddFirst(Span<ushort> row, int half)
    {
        var left = half;
        for (var x = 0; x < row.Length; x++) left = row[x] = (ushort)(row[x] + left);
    }

    /// <summary>Turns a row of differences into values. a is to the left, b above, c above to the left.</summary>
    private static void Add(Span<ushort> row, ReadOnlySpan<ushort> above, int predictor)
    {
        int a = row[0] = (ushort)(row[0] + above[0]);
        int c = above[0];
        for (var x = 1; x < row.Length; x++)
        {
            int b = above[x];
            var prediction = predictor switch
            {
                1 => a,
                2 => b,
                3 => c,
                4 => a + b - c,
                5 => a + ((b - c) >> 1),
                6 => b + ((a - c) >> 1),
                _ => (a + b) >> 1,
            };
            a = row[x] = (ushort)(row[x] + prediction);
            c = b;
        }
    }
}

namespace MedPeft.Lora.Imaging.Dicom.Codecs;

/// <summary>Extended sequential JPEG of 12-bit gray, with Huffman coding (processes 2 and 4): ISO 10918-1 annex F.</summary>
internal static class Jpeg12Decoder
{
    private static ReadOnlySpan<byte> ZigZag =>
    [
        0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
        35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
    ];

    /// <summary>Decodes a picture whose headers are read and checked to [rows, columns].</summary>
    public static ushort[] Decode(JpegStream stream, JpegScan scan)
    {
        if (stream.Components.Length != 1)
            throw new DicomFormatException("holds a JPEG picture of 12-bit colour, which is not decoded. Convert it: gdcmconv --raw in.dcm out.dcm");
        var quant = stream.QuantTables[stream.Components[0].QuantTable & 3] ?? throw JpegStream.Error("uses a quantisation table that it does not hold");
        var dc = stream.DcTables[scan.Components[0].DcTable] ?? throw JpegStream.Error("uses a Huffman table that it does not hold");
        var ac = stream.AcTables[scan.Components[0].AcTable] ?? throw JpegStream.Error("uses a Huffman table that it does not hold");

        var (width, height) = (stream.Width, stream.Height);
        var values = new ushort[width * height];
        var reader = new JpegBitReader(stream.Data, scan.DataStart);
        Span<float> block = stackalloc float[64];
        var (previous, index) = (0, 0);
        for (var y = 0; y < height; y += 8)
        {
            for (var x = 0; x < width; x += 8, index++)
            {
                if (stream.RestartInterval > 0 && index > 0 && index % stream.RestartInterval == 0)
                {
                    reader.Restart((index / stream.RestartInterval) - 1);
                    previous = 0;
                }

                ReadBlock(ref reader, dc, ac, quant, ref previous, block);
                InverseDct.Transform(block);
                Store(block, values.AsSpan((y * width) + x), width, Math.Min(8, width - x), Math.Min(8, height - y));
            }

            if (reader.Overrun) throw JpegStream.Error($"ends before row {Math.Min(y + 8, height)} of {height}");
        }

        return values;
    }

    private static void ReadBlock(ref JpegBitReader reader, JpegHuffmanTable dc, JpegHuffmanTable ac, ushort[] quant, ref int previous, scoped Span<float> block)
    {
        block.Clear();
        reader.Fill();
        var category = reader.Symbol(dc);
        if (category > 15) throw JpegStream.Error($"codes a mean of {category} bits; 15 is the most");

        // Sums stay within the 16 bits that a valid stream needs, so that a hostile one cannot run them over.
        if (category != 0) previous = (short)(previous + reader.Signed(category));
        block[0] = previous * quant[0];
        for (var k = 1; k < 64; k++)
        {
            reader.Fill();
            var symbol = reader.Symbol(ac);
            var (run, size) = (symbol >> 4, symbol & 15);
            if (size == 0)
            {
                if (run != 15) break;
                k += 15;
                continue;
            }

            k += run;
            if (k > 63) throw JpegStream.Error("codes more than 64 coefficients in a block");
            block[ZigZag[k]] = reader.Signed(size) * quant[k];
        }
    }

    private static void Store(ReadOnlySpan<float> block, Span<ushort> target, int stride, int columns, int rows)
    {
        for (var y = 0; y < rows; y++)
        {
            for (var x = 0; x < columns; x++)
                target[(y * stride) + x] = (ushort)Math.Clamp(MathF.Round(block[(8 * y) + x]) + 2048f, 0f, 4095f);
        }
    }
}

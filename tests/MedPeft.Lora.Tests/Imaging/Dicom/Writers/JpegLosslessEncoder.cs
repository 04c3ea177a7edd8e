namespace MedPeft.Lora.Tests.Imaging.Dicom.Writers;

/// <summary>ISO 10918-1 annex H from the encoder's side, sample by sample.</summary>
internal static class JpegLosslessEncoder
{
    private const int CodeBits = 5; // 17 categories

    /// <summary>Encodes pixels, [height, width, samples]. Zero restart rows: no intervals. Interleaved: all components in one scan.</summary>
    public static byte[] Encode(ushort[] pixels, int width, int height, int samples, int precision, int predictor, int shift = 0, int restartRows = 0, bool interleaved = true)
    {
        var writer = new JpegWriter().Frame(0xC3, precision, width, height, samples).FlatHuffman(0, 17, CodeBits).Restart(restartRows * width);
        var all = Enumerable.Range(0, samples).ToArray();
        foreach (var scan in interleaved ? [all] : all.Select(i => new[] { i }))
            writer.Scan(scan, predictor, 0, shift, [.. Intervals(pixels, width, height, samples, precision, predictor, shift, restartRows == 0 ? height : restartRows, scan)]);
        return writer.End();
    }

    private static IEnumerable<byte[]> Intervals(ushort[] pixels, int width, int height, int samples, int precision, int predictor, int shift, int rows, int[] scan)
    {
        for (var start = 0; start < height; start += rows)
        {
            var bits = new BitWriter(stuffBit: false);
            for (var y = start; y < Math.Min(height, start + rows); y++)
            {
                for (var x = 0; x < width; x++)
                {
                    foreach (var component in scan)
                    {
                        int At(int column, int row) => pixels[(((row * width) + column) * samples) + component] >> shift;
                        var prediction = (x, y - start) switch
                        {
                            (0, 0) => 1 << (precision - shift - 1),
                            (_, 0) => At(x - 1, y),
                            (0, _) => At(x, y - 1),
                            _ => Predict(predictor, At(x - 1, y), At(x, y - 1), At(x - 1, y - 1)),
                        };
                        Put(bits, (short)(At(x, y) - prediction));
                    }
                }
            }

            yield return bits.ToArray();
        }
    }

    private static int Predict(int predictor, int a, int b, int c) => predictor switch
    {
        1 => a,
        2 => b,
        3 => c,
        4 => a + b - c,
        5 => a + ((b - c) >> 1),
        6 => b + ((a - c) >> 1),
        _ => (a + b) / 2,
    };

    private static void Put(BitWriter bits, int difference)
    {
        if (difference == short.MinValue)
        {
            bits.Put(16, CodeBits);
            return;
        }

        var category = 0;
        while (Math.Abs(difference) >= 1 << category) category++;
        bits.Put(category, CodeBits);
        bits.Put(difference > 0 ? difference : difference + (1 << category) - 1, category);
    }
}

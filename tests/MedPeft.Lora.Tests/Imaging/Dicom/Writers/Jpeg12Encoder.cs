namespace MedPeft.Lora.Tests.Imaging.Dicom.Writers;

/// <summary>Sequential 12-bit JPEG of gray pixels: ISO 10918-1 annexes A and F by their formulas, every quantiser 1.</summary>
internal static class Jpeg12Encoder
{
    public static byte[] Encode(ushort[] pixels, int width, int height, int restartBlocks = 0, int components = 1)
    {
        var writer = new JpegWriter().Segment(0xDB, [0, .. Enumerable.Repeat((byte)1, 64)]).Frame(0xC1, 12, width, height, components)
            .FlatHuffman(0x00, 16, 5).FlatHuffman(0x10, 255, 8).Restart(restartBlocks);
        var intervals = new List<byte[]>();
        var bits = new BitWriter(stuffBit: false);
        var (previous, count) = (0, 0);
        for (var y = 0; y < height; y += 8)
        {
            for (var x = 0; x < width; x += 8)
            {
                if (restartBlocks > 0 && count > 0 && count % restartBlocks == 0)
                {
                    intervals.Add(bits.ToArray());
                    (bits, previous) = (new BitWriter(stuffBit: false), 0);
                }

                count++;
                var block = Forward(pixels, width, height, x, y);
                PutNumber(bits, block[0] - previous, 0, 5);
                previous = block[0];
                PutAc(bits, block);
            }
        }

        intervals.Add(bits.ToArray());
        return writer.Scan([0], 0, 63, 0, [.. intervals]).End();
    }

    private static void PutAc(BitWriter bits, int[] zigzag)
    {
        var run = 0;
        for (var k = 1; k < 64; k++)
        {
            if (zigzag[k] == 0)
            {
                run++;
                continue;
            }

            for (; run > 15; run -= 16) bits.Put(0xF0, 8);
            PutNumber(bits, zigzag[k], run, 8);
            run = 0;
        }

        if (run > 0) bits.Put(0, 8);
    }

    private static void PutNumber(BitWriter bits, int value, int run, int codeBits)
    {
        var category = 0;
        while (Math.Abs(value) >= 1 << category) category++;
        bits.Put((run << 4) | category, codeBits);
        bits.Put(value >= 0 ? value : value + (1 << category) - 1, category);
    }

    private static int[] Forward(ushort[] pixels, int width, int height, int left, int top)
    {
        var result = new int[64];
        var (u, v) = (0, 0);
        for (var k = 0; k < 64; k++)
        {
            double sum = 0;
            for (var y = 0; y < 8; y++)
            {
                for (var x = 0; x < 8; x++)
                {
                    var pixel = pixels[(Math.Min(height - 1, top + y) * width) + Math.Min(width - 1, left + x)] - 2048;
                    sum += pixel * Math.Cos(((2 * x) + 1) * u * Math.PI / 16) * Math.Cos(((2 * y) + 1) * v * Math.PI / 16);
                }
            }

            result[k] = (int)Math.Round(sum * (u == 0 ? Math.Sqrt(0.5) : 1) * (v == 0 ? Math.Sqrt(0.5) : 1) / 4);

            // The zigzag walks each diagonal in turn, up to the right and down to the left.
            if ((u + v) % 2 == 0) (u, v) = u == 7 ? (u, v + 1) : v == 0 ? (u + 1, v) : (u + 1, v - 1);
            else (u, v) = v == 7 ? (u + 1, v) : u == 0 ? (u, v + 1) : (u - 1, v + 1);
        }

        return result;
    }
}

namespace MedPeft.Lora.Imaging.Dicom.Codecs;

/// <summary>One line of all components, pixel by pixel: ISO 14495-1 annex B. They share their runs.</summary>
internal static class JpegLsPixels
{
    /// <summary>Decodes a line; the components' lines lie one after another, each with one place more at each end.</summary>
    public static void Decode(ref JpegLsBitReader reader, JpegLsModel model, ReadOnlySpan<int> above, Span<int> line, int count, ref int run)
    {
        var stride = line.Length / count;
        var end = stride - 1;
        Span<int> contexts = stackalloc int[4];
        for (var x = 1; x < end; x++)
        {
            var any = 0;
            for (var i = 0; i < count; i++)
            {
                var at = (i * stride) + x;
                contexts[i] = model.ContextOf(line[at - 1], above[at], above[at - 1], above[at + 1]);
                any |= contexts[i];
            }

            if (any != 0)
            {
                for (var i = 0; i < count; i++)
                {
                    var at = (i * stride) + x;
                    line[at] = model.Regular(ref reader, contexts[i], line[at - 1], above[at], above[at - 1]);
                }

                continue;
            }

            var length = JpegLsLine.RunLength(ref reader, end - x, ref run);
            for (var i = 0; i < count; i++) line.Slice((i * stride) + x, length).Fill(line[(i * stride) + x - 1]);
            x += length;
            if (x == end) break;
            for (var i = 0; i < count; i++)
            {
                var at = (i * stride) + x;
                line[at] = model.EndOfRun(ref reader, run, line[at - 1], above[at], mayMatch: false);
            }

            if (run > 0) run--;
        }
    }
}

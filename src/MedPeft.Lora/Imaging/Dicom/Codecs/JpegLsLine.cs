namespace MedPeft.Lora.Imaging.Dicom.Codecs;

/// <summary>One line of one component: ISO 14495-1 annex A.</summary>
internal static class JpegLsLine
{
    /// <summary>Decodes a line.</summary>
    /// <param name="reader">The bits.</param>
    /// <param name="model">The statistics.</param>
    /// <param name="above">The line before, with one place more at each end.</param>
    /// <param name="line">The line to fill, its place before the first set.</param>
    /// <param name="run">RUNindex of the component.</param>
    public static void Decode(ref JpegLsBitReader reader, JpegLsModel model, ReadOnlySpan<int> above, Span<int> line, ref int run)
    {
        var end = line.Length - 1;
        var a = line[0];
        var c = above[0];
        var b = above[1];
        for (var x = 1; x < end;)
        {
            var d = above[x + 1];
            var context = model.ContextOf(a, b, c, d);
            if (context != 0)
            {
                a = line[x] = model.Regular(ref reader, context, a, b, c);
                (c, b) = (b, d);
                x++;
                continue;
            }

            var length = RunLength(ref reader, end - x, ref run);
            line.Slice(x, length).Fill(a);
            x += length;
            if (x == end) break;
            a = line[x] = model.EndOfRun(ref reader, run, a, above[x], mayMatch: true);
            if (run > 0) run--;
            (c, b) = (above[x], above[x + 1]);
            x++;
        }
    }

    /// <summary>How many samples repeat the one before: §A.7.1. As many as are left when the run reaches the end of the line.</summary>
    public static int RunLength(ref JpegLsBitReader reader, int left, ref int run)
    {
        var length = 0;
        while (reader.Bit() == 1)
        {
            var full = 1 << JpegLsModel.RunLengths[run];
            if (length + full > left) return left;
            length += full;
            if (run < 31) run++;
            if (length == left) return left;
        }

        length += (int)reader.Bits(JpegLsModel.RunLengths[run]);
        return length < left ? length : throw reader.Error("codes a run that leaves its line");
    }
}

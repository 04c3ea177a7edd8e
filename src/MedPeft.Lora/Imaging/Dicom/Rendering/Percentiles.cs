namespace MedPeft.Lora.Imaging.Dicom.Rendering;

/// <summary>The range to show where a file states none: between two percentiles of its own values.</summary>
internal static class Percentiles
{
    /// <summary>Finds the values at two percentiles. Padding outside the beam (PixelPaddingValue) does not count, unless there is nothing else.</summary>
    /// <param name="frame">The stored values.</param>
    /// <param name="values">What each bit pattern measures.</param>
    /// <param name="set">The file's elements.</param>
    /// <param name="low">0 to 100.</param>
    /// <param name="high">0 to 100, above <paramref name="low"/>.</param>
    public static (double Low, double High) Find(RawFrame frame, double[] values, DataSet set, double low, double high)
    {
        var counts = Cells.Count(frame.Values, frame.Bits);
        var patterns = new List<int>();
        long total = 0;
        for (var i = 0; i < counts.Length; i++)
        {
            if (counts[i] == 0) continue;
            patterns.Add(i);
            total += counts[i];
        }

        if (Padding(frame, set) is { } padding)
        {
            var kept = patterns.FindAll(i => frame.Number(i) < padding.Least || frame.Number(i) > padding.Most);
            if (kept.Count > 0) (patterns, total) = (kept, kept.Sum(i => (long)counts[i]));
        }

        var keys = patterns.ConvertAll(i => values[i]).ToArray();
        var order = patterns.ToArray();
        Array.Sort(keys, order);
        var (at, bottom) = (0L, double.NaN);
        foreach (var i in order)
        {
            at += counts[i];
            if (double.IsNaN(bottom) && at >= low / 100 * total) bottom = values[i];
            if (at >= high / 100 * total) return (bottom, values[i]);
        }

        return (bottom, values[order[^1]]);
    }

    private static (int Least, int Most)? Padding(RawFrame frame, DataSet set)
    {
        if (set.U16(DicomTag.PixelPaddingValue) is not { } pattern) return null;
        var mask = (1 << frame.Bits) - 1;
        var value = frame.Number(pattern & mask);
        var limit = set.U16(DicomTag.PixelPaddingRangeLimit) is { } end ? frame.Number(end & mask) : value;
        return (Math.Min(value, limit), Math.Max(value, limit));
    }
}

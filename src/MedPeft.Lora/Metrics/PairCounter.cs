using System.Runtime.InteropServices;

namespace MedPeft.Lora.Metrics;

/// <summary>Counts the pairs of some columns of a table of scores and labels, a few columns at a time.</summary>
/// <remarks>
/// A row-major table read column by column passes through the processor's cache once per column; eight columns are gathered in one pass.
/// Positives are gathered from the front of a column's buffer, negatives from its back. Their pairs are counted by buckets, or, where the scores crowd, by sorting each part.
/// </remarks>
internal sealed class PairCounter
{
    /// <summary>Columns gathered in one pass over the table.</summary>
    public const int MostColumns = 8;

    // A block of rows stays in the processor's first cache while its columns are gathered one after another.
    private const int BlockRows = 256;

    private readonly float[][] buffers;
    private readonly float[] scratch;
    private readonly BucketedPairs buckets;

    /// <summary>Buffers for tables of <paramref name="rows"/> rows.</summary>
    public PairCounter(int rows, int columns)
    {
        buffers = new float[columns][];
        for (var i = 0; i < columns; i++) buffers[i] = GC.AllocateUninitializedArray<float>(rows);
        scratch = GC.AllocateUninitializedArray<float>(rows);
        buckets = new BucketedPairs(rows / 2);
    }

    /// <summary>Counts the columns from <paramref name="first"/> on, as many as <paramref name="counts"/> holds.</summary>
    /// <returns>False where a score or a label is not valid; <paramref name="counts"/> is then meaningless.</returns>
    public bool Count(ReadOnlySpan<float> scores, ReadOnlySpan<float> labels, int labelCount, int first, Span<PairCount> counts)
    {
        Span<int> front = stackalloc int[MostColumns];
        Span<int> back = stackalloc int[MostColumns];
        front.Clear();
        back.Fill(scores.Length / labelCount - 1);
        var valid = true;
        for (var block = first; block < scores.Length; block += BlockRows * labelCount)
        {
            var end = Math.Min(scores.Length, block + BlockRows * labelCount);
            for (var column = 0; column < counts.Length; column++)
            {
                var buffer = buffers[column];
                var (p, q) = (front[column], back[column]);
                for (var cell = block + column; cell < end; cell += labelCount)
                {
                    var (score, label) = (scores[cell], labels[cell]);
                    var (positive, negative) = (label == 1f, label == 0f);
                    valid &= float.IsFinite(score) & (positive | negative | float.IsNaN(label));
                    // Written to both ends, kept at one or neither: no branch on the label, which the processor could not foresee.
                    buffer[p] = buffer[q] = score;
                    p += positive ? 1 : 0;
                    q -= negative ? 1 : 0;
                }

                (front[column], back[column]) = (p, q);
            }
        }

        if (!valid) return false;
        for (var column = 0; column < counts.Length; column++)
        {
            var buffer = buffers[column].AsSpan();
            counts[column] = Pairs(buffer[..front[column]], buffer[(back[column] + 1)..]);
        }

        return true;
    }

    private PairCount Pairs(Span<float> positives, Span<float> negatives)
    {
        if (positives.Length == 0 || negatives.Length == 0) return new PairCount(0, positives.Length, negatives.Length);
        var upsideDown = positives.Length > negatives.Length;
        var twoU = upsideDown ? buckets.TwoU(negatives, positives, scratch) : buckets.TwoU(positives, negatives, scratch);
        if (twoU is { } counted) return new PairCount(upsideDown ? 2L * positives.Length * negatives.Length - counted : counted, positives.Length, negatives.Length);
        var free = MemoryMarshal.Cast<float, uint>(scratch.AsSpan());
        return PairCount.Of(RadixSort.Sort(FloatKey.OfAll(positives), free), RadixSort.Sort(FloatKey.OfAll(negatives), free[positives.Length..]));
    }
}

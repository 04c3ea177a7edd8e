namespace MedPeft.Lora.Metrics;

/// <summary>Counts the pairs of some columns of a table of scores and labels, a few columns at a time.</summary>
/// <remarks>
/// A row-major table read column by column passes through the processor's cache once per column; eight columns are gathered in one pass.
/// Positives are gathered from the front of a column's buffer, negatives from its back, and each part is sorted by itself: half the bytes
/// of keys that carry their label.
/// </remarks>
internal sealed class PairCounter
{
    /// <summary>Columns gathered in one pass over the table.</summary>
    public const int MostColumns = 8;

    private readonly uint[][] keys;
    private readonly uint[] scratch;

    /// <summary>Buffers for tables of <paramref name="rows"/> rows.</summary>
    public PairCounter(int rows, int columns)
    {
        keys = new uint[columns][];
        for (var i = 0; i < columns; i++) keys[i] = GC.AllocateUninitializedArray<uint>(rows);
        scratch = GC.AllocateUninitializedArray<uint>(rows);
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
        for (var row = first; row < scores.Length; row += labelCount)
        {
            for (var column = 0; column < counts.Length; column++)
            {
                var score = scores[row + column];
                var label = labels[row + column];
                valid &= Cells.IsValid(score, label);
                var buffer = keys[column];
                var (p, q) = (front[column], back[column]);
                // Written to both ends, kept at one or neither: no branch on the label, which the processor could not foresee.
                buffer[p] = buffer[q] = FloatKey.Of(score);
                front[column] = p + (label == 1f ? 1 : 0);
                back[column] = q - (label == 0f ? 1 : 0);
            }
        }

        if (!valid) return false;
        for (var column = 0; column < counts.Length; column++)
        {
            var buffer = keys[column].AsSpan();
            var positives = RadixSort.Sort(buffer[..front[column]], scratch);
            var negatives = RadixSort.Sort(buffer[(back[column] + 1)..], scratch.AsSpan(front[column]));
            counts[column] = PairCount.Of(positives, negatives);
        }

        return true;
    }
}

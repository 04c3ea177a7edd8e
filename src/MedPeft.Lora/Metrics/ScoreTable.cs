namespace MedPeft.Lora.Metrics;

/// <summary>A checked table of scores and labels, turned into one array per label.</summary>
internal sealed class ScoreTable
{
    /// <summary>Checks and copies the cells.</summary>
    /// <exception cref="ArgumentException">No scores, lengths that do not fit, a score that is not finite, a label that is not 0, 1 or NaN.</exception>
    public ScoreTable(ReadOnlySpan<float> scores, ReadOnlySpan<float> labels, IReadOnlyList<string> labelNames)
    {
        Rows = Cells.CheckTable(scores.Length, labels.Length, labelNames);
        Cells.CheckCells(scores, labels, labelNames);
        Names = [.. labelNames];
        Scores = Columns(scores, Names.Length, Rows);
        Labels = Columns(labels, Names.Length, Rows);
    }

    /// <summary>The number of cases, n.</summary>
    public int Rows { get; }

    /// <summary>The names of the K labels.</summary>
    public string[] Names { get; }

    /// <summary>Scores, K arrays of n.</summary>
    public float[][] Scores { get; }

    /// <summary>Labels, K arrays of n.</summary>
    public float[][] Labels { get; }

    private static float[][] Columns(ReadOnlySpan<float> table, int columns, int rows)
    {
        var result = new float[columns][];
        for (var k = 0; k < columns; k++) result[k] = GC.AllocateUninitializedArray<float>(rows);
        for (int row = 0, at = 0; row < rows; row++)
            for (var k = 0; k < columns; k++) result[k][row] = table[at++];
        return result;
    }
}

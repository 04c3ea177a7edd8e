namespace MedPeft.Lora.Metrics;

/// <summary>Scores and labels of studies (or patients), pooled from those of their images.</summary>
public sealed class StudyScores
{
    private StudyScores(IReadOnlyList<string> studies, float[] scores, float[] labels, int disagreements)
    {
        (Studies, Scores, Labels, Disagreements) = (studies, scores, labels, disagreements);
    }

    /// <summary>The studies, in the order of their first image.</summary>
    public IReadOnlyList<string> Studies { get; }

    /// <summary>Pooled scores, [studies, K] in row-major order.</summary>
    public float[] Scores { get; }

    /// <summary>Pooled labels, [studies, K]: 1 where any image has 1, else 0 where any has 0, else NaN.</summary>
    public float[] Labels { get; }

    /// <summary>How many labels of studies have both a 0 and a 1 among their images; 0 where labels are given per study.</summary>
    public int Disagreements { get; }

    /// <summary>Pools the images of each study.</summary>
    /// <param name="scores">Finite scores, [n, K] in row-major order. The mean is of what is given: of logits, or of probabilities.</param>
    /// <param name="labels">1, 0 or NaN (missing), [n, K].</param>
    /// <param name="labelNames">The names of the K labels.</param>
    /// <param name="studies">The study of each of the n images.</param>
    /// <param name="pooling">How scores are pooled; the mean unless given.</param>
    /// <exception cref="ArgumentException">
    /// No scores, lengths that do not fit, a score that is not finite, a label that is not 0, 1 or NaN; studies that are not one per image.
    /// </exception>
    public static StudyScores Pool(
        ReadOnlySpan<float> scores, ReadOnlySpan<float> labels, IReadOnlyList<string> labelNames, IReadOnlyList<string> studies,
        StudyPooling pooling = StudyPooling.Mean)
    {
        if (pooling is not (StudyPooling.Mean or StudyPooling.Maximum))
            throw new ArgumentOutOfRangeException(nameof(pooling), pooling, "Scores are pooled by Mean or by Maximum.");
        var rows = Cells.CheckTable(scores.Length, labels.Length, labelNames);
        Cells.CheckCells(scores, labels, labelNames);
        var keys = GroupKeys.Check(studies, rows, nameof(studies));
        var k = labelNames.Count;
        var images = new int[keys.Names.Count];
        var (sums, highest) = (new double[images.Length * k], new float[images.Length * k]);
        var pooled = new float[images.Length * k];
        Array.Fill(highest, float.NegativeInfinity);
        Array.Fill(pooled, float.NaN);
        var disagree = new bool[pooled.Length];
        for (var row = 0; row < rows; row++)
        {
            images[keys.Of[row]]++;
            for (var j = 0; j < k; j++)
            {
                var (from, to) = (row * k + j, keys.Of[row] * k + j);
                sums[to] += scores[from];
                highest[to] = Math.Max(highest[to], scores[from]);
                disagree[to] |= Math.Abs(labels[from] - pooled[to]) == 1;
                if (!(labels[from] <= pooled[to]) && !float.IsNaN(labels[from])) pooled[to] = labels[from];
            }
        }

        if (pooling == StudyPooling.Mean)
            for (var i = 0; i < highest.Length; i++) highest[i] = (float)(sums[i] / images[i / k]);
        return new StudyScores(keys.Names, highest, pooled, disagree.Count(d => d));
    }
}

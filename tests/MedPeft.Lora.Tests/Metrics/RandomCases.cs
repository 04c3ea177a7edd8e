namespace MedPeft.Lora.Tests.Metrics;

/// <summary>Random scores and labels of fixed seeds; few levels of score, so that many tie.</summary>
internal static class RandomCases
{
    /// <summary>Scores in [0, 1] at multiples of 1/levels, rising with the label; a share of the labels is missing.</summary>
    public static (float[] Scores, float[] Labels) Draw(int seed, int n, int levels = 12, double prevalence = 0.3, double missing = 0)
    {
        var random = new Random(seed);
        var scores = new float[n];
        var labels = new float[n];
        for (var i = 0; i < n; i++)
        {
            labels[i] = random.NextDouble() < missing ? float.NaN : random.NextDouble() < prevalence ? 1 : 0;
            scores[i] = (float)Math.Round(Math.Clamp(random.NextDouble() * 0.7 + (labels[i] == 1 ? 0.3 : 0), 0, 1) * levels) / levels;
        }

        return (scores, labels);
    }

    /// <summary>Twice the count of pairs in order, one for a tie: the definition, pair by pair.</summary>
    public static long TwoU(float[] scores, float[] labels)
    {
        long twoU = 0;
        for (var p = 0; p < scores.Length; p++)
        {
            for (var q = 0; labels[p] == 1 && q < scores.Length; q++)
                if (labels[q] == 0) twoU += scores[p] > scores[q] ? 2 : scores[p] == scores[q] ? 1 : 0;
        }

        return twoU;
    }
}

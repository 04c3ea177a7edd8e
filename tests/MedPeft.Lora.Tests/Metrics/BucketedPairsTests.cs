using MedPeft.Lora.Metrics;

namespace MedPeft.Lora.Tests.Metrics;

/// <summary>Held to the definition: every pair looked at.</summary>
public class BucketedPairsTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 40)]
    [InlineData(300, 5000)]
    [InlineData(2000, 2100)]
    public void Pairs_and_ties_are_counted_as_by_looking_at_each(int few, int many)
    {
        var random = new Random(few);
        float[][] kinds =
        [
            [.. Draws(few + many, () => (float)random.NextDouble())],
            [.. Draws(few + many, () => (float)(random.NextDouble() * 2e6 - 1e6))],
            [.. Draws(few + many, () => (float)Math.Round(random.NextDouble() * 1000) / 1000)], // ties
            [.. Draws(few + many, () => 100 + MathF.ScaleB(random.Next(200_000), -16))], // neighbours in the last bit
            [.. Draws(few + many, () => random.Next(2) == 0 ? 0f : -0f).Skip(1), 1e-3f],
        ];
        foreach (var scores in kinds)
        {
            var (a, b) = (scores[..few], scores[few..]);
            if (Counted(a, b) is { } found) Assert.Equal(Naive(a, b), found);
            Assert.Equal(Naive(a, b) / (2.0 * few * many), Auroc.Compute(scores, Labels(few, many)));
            Assert.Equal(Naive(b, a) / (2.0 * few * many), Auroc.Compute([.. b, .. a], Labels(many, few)));
        }
    }

    [Fact]
    public void Evenly_spread_scores_are_counted()
    {
        var random = new Random(8);
        var (a, b) = (Draws(500, () => (float)random.NextDouble()).ToArray(), Draws(20_000, () => (float)random.NextDouble()).ToArray());
        Assert.Equal(Naive(a, b), Counted(a, b));
    }

    [Fact]
    public void Scores_that_crowd_or_that_have_no_range_are_left_to_sorting()
    {
        var random = new Random(9);
        float[] crowded = [.. Draws(8000, () => MathF.ScaleB((float)random.NextDouble(), -40)), 1f];
        float[] alike = [.. Enumerable.Repeat(.5f, 100)], wide = [float.MaxValue, -float.MaxValue, 1, 2, 3, 3];
        Assert.Null(Counted(crowded[..4000], crowded[4000..]));
        Assert.Null(Counted(alike[..40], alike[40..]));
        Assert.Null(Counted(wide[..3], wide[3..]));
        foreach (var (scores, few) in new[] { (crowded, 4000), (alike, 40), (wide, 3) })
            Assert.Equal(Naive(scores[..few], scores[few..]) / (2.0 * few * (scores.Length - few)), Auroc.Compute(scores, Labels(few, scores.Length - few)));
    }

    [Fact]
    public void The_blocks_of_rows_of_a_table_are_put_together()
    {
        const int Rows = 1000, Columns = 3;
        var random = new Random(10);
        var scores = Draws(Rows * Columns, () => (float)random.NextDouble()).ToArray();
        var labels = Draws(Rows * Columns, () => random.Next(5) is var label && label < 2 ? label : label == 4 ? float.NaN : 0f).ToArray();
        var report = Auroc.PerLabel(scores, labels, ["a", "b", "c"]);
        for (var k = 0; k < Columns; k++)
        {
            float[] Of(float wanted) => [.. Enumerable.Range(0, Rows).Select(i => i * Columns + k).Where(i => labels[i] == wanted).Select(i => scores[i])];
            var (positives, negatives) = (Of(1), Of(0));
            Assert.Equal(Naive(positives, negatives) / (2.0 * positives.Length * negatives.Length), report.PerLabel[k].Value);
        }
    }

    private static long? Counted(float[] few, float[] many) => new BucketedPairs(few.Length).TwoU(few, many, new float[few.Length]);

    private static long Naive(float[] first, float[] second) => first.Sum(a => second.Sum(b => a > b ? 2L : a == b ? 1 : 0));

    private static float[] Labels(int positives, int negatives) => [.. Enumerable.Repeat(1f, positives), .. Enumerable.Repeat(0f, negatives)];

    private static IEnumerable<float> Draws(int count, Func<float> draw) => Enumerable.Range(0, count).Select(_ => draw());
}

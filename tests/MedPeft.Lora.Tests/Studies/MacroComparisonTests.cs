using MedPeft.Lora.Metrics;
using MedPeft.Lora.Studies;

namespace MedPeft.Lora.Tests.Studies;

public class MacroComparisonTests
{
    private const int Rows = 60, Labels = 3;

    [Fact]
    public void With_one_label_and_one_seed_it_is_the_test_of_DeLong()
    {
        var (a, b, truth) = (Scores(1), Scores(2), Truth());
        for (var k = 0; k < Labels; k++)
        {
            var (x, y, t) = (MacroComparison.Column(a, k, Labels), MacroComparison.Column(b, k, Labels), MacroComparison.Column(truth, k, Labels));
            var expected = DeLong.Compare(x, y, t)!;
            var (difference, p) = MacroComparison.Test([x], [y], t, 1)!.Value;
            Assert.Equal(expected.Value, difference, 1e-12);
            Assert.Equal(expected.P, p, 1e-9);
        }
    }

    [Fact]
    public void Its_difference_is_that_of_the_macro_means()
    {
        var (a, b, truth) = (Scores(1), Scores(2), Truth());
        string[] names = ["x", "y", "z"];
        var expected = Auroc.PerLabel(a, truth, names).Macro - Auroc.PerLabel(b, truth, names).Macro;
        Assert.Equal(expected, MacroComparison.Test([a], [b], truth, Labels)!.Value.Difference, 1e-12);
    }

    [Fact]
    public void The_same_seed_twice_is_no_more_evidence_than_once()
    {
        var (a, b, truth) = (Scores(1), Scores(2), Truth());
        var (once, twice) = (MacroComparison.Test([a], [b], truth, Labels)!.Value, MacroComparison.Test([a, a], [b, b], truth, Labels)!.Value);
        Assert.Equal(once.P, twice.P, 1e-12);
    }

    [Fact]
    public void Equal_scores_give_p_1_and_labels_of_one_class_are_left_out()
    {
        var (a, truth) = (Scores(1), Truth());
        Assert.Equal((0, 1), MacroComparison.Test([a], [a], truth, Labels)!.Value);
        Assert.Null(MacroComparison.Test([a], [a], new float[a.Length], Labels));
    }

    [Fact]
    public void The_bootstrap_estimates_methods_and_differences_on_the_same_resamples()
    {
        var (a, b, truth) = (Scores(1), Scores(2), Truth());
        string[] names = ["x", "y", "z"];
        var options = new BootstrapOptions { Replicates = 200 };
        var result = MacroBootstrap.Run([[a], [b]], 1, truth, Labels, options)!;
        Assert.Equal(Bootstrap.PerLabel(a, truth, names, options).Macro!.Interval, result[0].Auroc.Interval);
        Assert.Equal(Bootstrap.ComparePerLabel(a, b, truth, names, options).Macro!.Value, result[0].Difference.Value, 1e-12);
        Assert.Equal(0, result[1].Difference.Value);
    }

    private static float[] Scores(int seed) => [.. Enumerable.Range(0, Rows * Labels).Select(i => (Truth()[i] * .6f) + Noise(i, seed))];

    private static float[] Truth() => [.. Enumerable.Range(0, Rows * Labels).Select(i => i * 7 % 11 < 4 ? 1f : 0f)];

    private static float Noise(int i, int seed) => (float)(Math.Abs(Math.Sin((i + 1) * 12.9898 * seed) * 43758.5453) % 1);
}

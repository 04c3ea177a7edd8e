using MedPeft.Lora.Metrics;

namespace MedPeft.Lora.Tests.Metrics;

public class DeLongTests
{
    public static TheoryData<string> Cases => GoldenMetrics.Cases;

    [Theory]
    [MemberData(nameof(Cases))]
    public void Variance_and_interval_are_the_reference_s(string name)
    {
        var (scores, labels, expected) = GoldenMetrics.Case(name);
        var estimate = DeLong.Compute(scores, labels);
        if (name == "f32_adjacent")
        {
            // The reference told 0.3 from its neighbour in double precision; in single precision they tie.
            Assert.Equal(ByDefinition(scores, scores, labels).A, estimate!.Variance, 1e-16);
            return;
        }

        if (!expected.TryGetProperty("delong_var", out var variance))
        {
            Assert.Null(estimate);
            return;
        }

        GoldenMetrics.Close(expected.GetProperty("auroc").GetDouble(), estimate!.Value);
        Assert.Equal(variance.GetDouble(), estimate.Variance, 1e-12 * variance.GetDouble() + 1e-300);
        var interval = expected.GetProperty("delong_ci95");
        GoldenMetrics.Close(interval[0].GetDouble(), estimate.Interval().Lower, 2e-15);
        GoldenMetrics.Close(interval[1].GetDouble(), estimate.Interval().Upper, 2e-15);
        Assert.Equal(estimate, DeLong.Compare(scores, scores, labels)!.A);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void The_paired_test_is_the_reference_s(int index)
    {
        var golden = GoldenMetrics.Root.GetProperty("paired_delong")[index];
        float[] labels = GoldenMetrics.Floats(golden.GetProperty("y")), a = GoldenMetrics.Floats(golden.GetProperty("a")), b = GoldenMetrics.Floats(golden.GetProperty("b"));
        var difference = DeLong.Compare(a, b, labels)!;
        var covariance = golden.GetProperty("cov");
        GoldenMetrics.Close(golden.GetProperty("auc")[0].GetDouble(), difference.A.Value);
        GoldenMetrics.Close(golden.GetProperty("auc")[1].GetDouble(), difference.B.Value);
        GoldenMetrics.Close(covariance[0][0].GetDouble(), difference.A.Variance);
        GoldenMetrics.Close(covariance[1][1].GetDouble(), difference.B.Variance);
        GoldenMetrics.Close(covariance[0][1].GetDouble(), difference.Covariance);
        GoldenMetrics.Close(golden.GetProperty("z").GetDouble(), difference.Z, 1e-12);
        GoldenMetrics.Close(golden.GetProperty("p").GetDouble(), difference.P, 1e-13);
        GoldenMetrics.Close(-difference.Z, DeLong.Compare(b, a, labels)!.Z);
    }

    [Fact]
    public void Identical_scores_and_scores_of_one_order_give_p_1()
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var (scores, labels) = RandomCases.Draw(seed, 501, levels: 7 + 100 * seed, missing: 0.1);
            foreach (var other in new[] { scores, [.. scores.Select(s => MathF.Exp(s))] })
            {
                var difference = DeLong.Compare(scores, other, labels)!;
                Assert.Equal(0, difference.Variance);
                Assert.Equal(0, difference.Z);
                Assert.Equal(1, difference.P);
                Assert.Equal(new ConfidenceInterval(0, 0, 0.95), difference.Interval());
            }
        }
    }

    [Fact]
    public void Areas_that_differ_without_variance_differ_for_certain()
    {
        var difference = DeLong.Compare([1, 2, 3, 4], [4, 3, 2, 1], [0, 0, 1, 1])!;
        Assert.Equal(1, difference.Value);
        Assert.Equal(double.PositiveInfinity, difference.Z);
        Assert.Equal(0, difference.P);
    }

    [Fact]
    public void Variances_and_covariance_are_those_of_the_definition_pair_by_pair()
    {
        for (var seed = 0; seed < 12; seed++)
        {
            var (a, labels) = RandomCases.Draw(seed, 120 + seed, levels: 3 + 5 * seed, prevalence: 0.1 + 0.05 * seed, missing: seed % 2 * 0.2);
            float[] b = [.. RandomCases.Draw(seed + 100, a.Length, levels: 9).Scores.Select((s, i) => s + a[i])];
            var difference = DeLong.Compare(a, b, labels)!;
            var (va, vb, cov) = ByDefinition(a, b, labels);
            Assert.Equal(va, difference.A.Variance, 1e-16);
            Assert.Equal(vb, difference.B.Variance, 1e-16);
            Assert.Equal(cov, difference.Covariance, 1e-16);
            Assert.Equal(va + vb - 2 * cov, difference.Variance, 1e-16);
            Assert.Equal(Auroc.Compute(a, labels), difference.A.Value);
            Assert.Equal(Auroc.Compute(b, labels), difference.B.Value);
            Assert.Equal(difference.A, DeLong.Compute(a, labels));
        }
    }

    [Fact]
    public void Independent_areas_add_their_variances()
    {
        var difference = DeLong.Compare(new AurocEstimate(0.9, 0.0003, 10, 20), new AurocEstimate(0.8, 0.0001, 30, 40));
        Assert.Equal(0.0004, difference.Variance, 1e-18);
        Assert.Equal(5, difference.Z, 1e-12);
        Assert.Equal(5.733031437583878e-7, difference.P, 1e-20);
        Assert.Equal("0.9000 - 0.8000 = +0.1000 [0.0608, 0.1392], p = 5.73E-07", difference.ToString());
    }

    [Fact]
    public void Labels_are_tested_one_by_one_and_adjusted_for_their_number()
    {
        const int K = 5;
        var (a, labels) = RandomCases.Draw(3, 400 * K, levels: 30);
        float[] b = [.. RandomCases.Draw(4, 400 * K, levels: 30).Scores.Select((s, i) => i % K == 1 ? s : a[i] + 0.1f * i % K * s)];
        for (var row = 0; row < 400; row++) labels[row * K + 2] = 0;
        var names = AurocTests.Names(K);
        var results = DeLong.ComparePerLabel(a, b, labels, names);
        Assert.Equal(names, results.Select(r => r.Label));
        Assert.Null(results[2].Difference);
        Assert.Null(results[2].AdjustedP);
        for (var k = 0; k < K; k++)
            Assert.Equal(DeLong.Compare(AurocTests.Column(a, k, K), AurocTests.Column(b, k, K), AurocTests.Column(labels, k, K)), results[k].Difference);
        Assert.All(results.Where(r => r.Difference is not null), r => Assert.InRange(r.AdjustedP!.Value, r.Difference!.P, 1));
    }

    [Fact]
    public void Holm_steps_down()
    {
        Assert.Equal([0.03, 0.06, null, 0.06, 0.02], DeLong.Holm([0.01, 0.04, null, 0.03, 0.005]).Select(p => p is { } v ? Math.Round(v, 12) : (double?)null));
        Assert.Equal([1, 1], DeLong.Holm([0.9, 0.8]));
    }

    [Fact]
    public void Fewer_than_two_cases_of_a_class_have_no_variance()
    {
        Assert.Null(DeLong.Compute([1, 2, 3], [1, 0, 0]));
        Assert.Null(DeLong.Compute([1, 2, 3], [0, 0, 0]));
        Assert.Null(DeLong.Compare([1, 2, 3], [1, 2, 3], [0, 1, float.NaN]));
    }

    [Fact]
    public void The_interval_may_leave_the_unit_range_and_its_print_does_not()
    {
        var (scores, labels, _) = GoldenMetrics.Case("sklearn_doc");
        var estimate = DeLong.Compute(scores, labels)!;
        Assert.True(estimate.Interval().Upper > 1.4);
        Assert.Equal("AUROC 0.7500 [0.0570, 1.0000] (2 positive, 2 negative)", estimate.ToString());
        Assert.Equal("A level of confidence is above 0 and below 1, 0.95 for instance. (Parameter 'level')\nActual value was 95.",
            Assert.Throws<ArgumentOutOfRangeException>(() => estimate.Interval(95)).Message.ReplaceLineEndings("\n"));
    }

    [Theory]
    [InlineData(0.5, 0.6744897501960817)]
    [InlineData(0.9, 1.6448536269514722)]
    [InlineData(0.95, 1.959963984540054)]
    [InlineData(0.99, 2.5758293035489004)]
    [InlineData(0.999, 3.2905267314919255)]
    public void Quantiles_of_the_normal_distribution_are_the_tables(double level, double z)
    {
        GoldenMetrics.Close(z, Normal.Quantile(level), 4e-14);
        GoldenMetrics.Close(1 - level, Normal.TwoSided(z), 1e-15);
    }

    [Fact]
    public void Models_of_other_cases_are_refused()
    {
        string Error(Action call) => Assert.Throws<ArgumentException>(call).Message;
        const string Differ = "The first model has 2 scores and the second 3; compare models on the same cases and labels. (Parameter 'scoresB')";
        Assert.Equal(Differ, Error(() => DeLong.Compare([1, 2], [1, 2, 3], [0, 1])));
        Assert.Equal(Differ, Error(() => DeLong.ComparePerLabel([1, 2], [1, 2, 3], [0, 1], ["a"])));
        Assert.Equal(Differ, Error(() => Bootstrap.Compare([1, 2], [1, 2, 3], [0, 1])));
        Assert.Equal(
            "Found 2 scores and 3 labels; give each score one label: 0, 1, or NaN where it is missing. (Parameter 'labels')",
            Error(() => DeLong.Compare([1, 2], [1, 2], [0, 1, 1])));
    }

    private static (double A, double B, double Covariance) ByDefinition(float[] a, float[] b, float[] labels)
    {
        int[] positives = [.. Enumerable.Range(0, a.Length).Where(i => labels[i] == 1)], negatives = [.. Enumerable.Range(0, a.Length).Where(i => labels[i] == 0)];
        double Psi(float[] s, int p, int n) => s[p] > s[n] ? 1 : s[p] == s[n] ? 0.5 : 0;
        double[] Over(float[] s, bool positive) => positive
            ? [.. positives.Select(p => negatives.Average(n => Psi(s, p, n)))]
            : [.. negatives.Select(n => positives.Average(p => Psi(s, p, n)))];
        double Covariance(double[] x, double[] y) => x.Zip(y, (u, v) => (u - x.Average()) * (v - y.Average())).Sum() / (x.Length - 1);
        double Total(float[] s, float[] t) => Covariance(Over(s, true), Over(t, true)) / positives.Length + Covariance(Over(s, false), Over(t, false)) / negatives.Length;
        return (Total(a, a), Total(b, b), Total(a, b));
    }
}

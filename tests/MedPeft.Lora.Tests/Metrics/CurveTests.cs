using FsCheck;
using FsCheck.Fluent;
using MedPeft.Lora.Metrics;

namespace MedPeft.Lora.Tests.Metrics;

public class CurveTests
{
    public static TheoryData<string> Cases => GoldenMetrics.Cases;

    [Theory]
    [MemberData(nameof(Cases))]
    public void Average_precision_and_partial_area_are_those_of_scikit_learn(string name)
    {
        // In double precision 0.3 does not tie with its neighbour, and the precision at the tie differs.
        var (scores, labels, expected) = GoldenMetrics.Case(name);
        if (name == "f32_adjacent")
        {
            Assert.Equal(1 / 3.0 + 2 / 3.0 * 3 / 5, AveragePrecision.Compute(scores, labels)!.Value, 1e-15);
            return;
        }

        GoldenMetrics.Close(expected.GetProperty("average_precision").GetDouble(), AveragePrecision.Compute(scores, labels));
        GoldenMetrics.Close(expected.GetProperty("partial_auroc_fpr0.1_mcclish").GetDouble(), Auroc.Partial(scores, labels, 0.1), 2e-15);
        Assert.Equal(Auroc.Compute(scores, labels), Auroc.Partial(scores, labels, 1));
    }

    [Fact]
    public void The_mean_average_precision_over_thirteen_labels_is_scikit_learn_s()
    {
        var golden = GoldenMetrics.Root.GetProperty("multilabel");
        var (scores, labels) = (GoldenMetrics.Floats(golden.GetProperty("s")), GoldenMetrics.Floats(golden.GetProperty("y")));
        var values = Enumerable.Range(0, 14).Select(k => AveragePrecision.Compute(AurocTests.Column(scores, k, 14), AurocTests.Column(labels, k, 14))).ToArray();
        Assert.Null(values[0]);
        GoldenMetrics.Close(golden.GetProperty("ap_present13_macro").GetDouble(), values.Skip(1).Average());
    }

    [Fact]
    public void Thinning_the_ROC_curve_loses_nothing()
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var (scores, labels) = RandomCases.Draw(seed, 400, levels: 3 + 40 * seed, prevalence: 0.5);
            var curve = RocCurve.Compute(scores, labels)!;
            Assert.Equal(new RocPoint(0, 0, float.PositiveInfinity), curve[0]);
            Assert.Equal((1, 1), (curve[^1].FalsePositiveRate, curve[^1].TruePositiveRate));
            Assert.Equal(Auroc.Compute(scores, labels)!.Value, Area(curve), 1e-14);
            foreach (var threshold in scores.Distinct())
            {
                var point = OperatingPoint.At(scores, labels, threshold);
                Assert.Equal(point.Sensitivity!.Value, Height(curve, 1 - point.Specificity!.Value, point.Sensitivity.Value), 1e-12);
            }

            Assert.All(curve.Skip(1).SkipLast(1).Select((p, i) => (curve[i], p, curve[i + 2])), c => Assert.True(Turn(c) > 1e-12 || Turn(c) < -1e-12));
        }

        static double Turn((RocPoint A, RocPoint B, RocPoint C) c) =>
            (c.B.FalsePositiveRate - c.A.FalsePositiveRate) * (c.C.TruePositiveRate - c.B.TruePositiveRate)
            - (c.B.TruePositiveRate - c.A.TruePositiveRate) * (c.C.FalsePositiveRate - c.B.FalsePositiveRate);
    }

    [Fact]
    public void A_perfect_order_has_a_curve_of_three_points()
    {
        float[] scores = [.. Enumerable.Range(0, 1000).Select(i => (float)i)], labels = [.. Enumerable.Range(0, 1000).Select(i => i < 600 ? 0f : 1f)];
        Assert.Equal([new(0, 0, float.PositiveInfinity), new(0, 1, 600), new(1, 1, 0)], RocCurve.Compute(scores, labels)!);
    }

    [Fact]
    public void Every_point_of_the_precision_recall_curve_that_changes_it_is_kept()
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var (scores, labels) = RandomCases.Draw(seed, 300, levels: 5 + 40 * seed, prevalence: 0.2, missing: 0.1);
            var curve = PrecisionRecallCurve.Compute(scores, labels)!;
            Assert.Equal(new PrecisionRecallPoint(0, 1, float.PositiveInfinity), curve[0]);
            Assert.All(curve.Skip(1), p =>
            {
                var point = OperatingPoint.At(scores, labels, p.Threshold);
                Assert.Equal((point.Sensitivity, point.Precision), (p.Recall, p.Precision));
            });
            var steps = curve.Skip(1).Select((p, i) => (p.Recall - curve[i].Recall) * p.Precision).Sum();
            Assert.Equal(AveragePrecision.Compute(scores, labels)!.Value, steps, 1e-14);
            Assert.Equal(scores.Where((_, i) => !float.IsNaN(labels[i])).Min(), curve[^1].Threshold);
        }
    }

    [Fact]
    public void Average_precision_is_the_sum_over_distinct_scores_for_any_list()
    {
        var cells = Arb.From(Gen.Choose(0, 6).Zip(Gen.Elements(0f, 1f, float.NaN)).ListOf().Where(l => l.Any(c => c.Item2 == 1)));
        Prop.ForAll(cells, list =>
        {
            float[] scores = [.. list.Select(c => c.Item1 / 6f)], labels = [.. list.Select(c => c.Item2)];
            var (sum, recall) = (0.0, 0.0);
            foreach (var point in scores.Distinct().OrderDescending().Select(t => OperatingPoint.At(scores, labels, t)).Where(p => p.Precision is not null))
            {
                sum += (point.Sensitivity!.Value - recall) * point.Precision!.Value;
                recall = point.Sensitivity.Value;
            }

            return Math.Abs(sum - AveragePrecision.Compute(scores, labels)!.Value) < 1e-12;
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void The_partial_area_is_that_of_the_curve_cut_off()
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var (scores, labels) = RandomCases.Draw(seed, 200, levels: 4 + 20 * seed);
            foreach (var end in new[] { 0.01, 0.1, 0.37, 0.5, 0.999 })
            {
                var curve = RocCurve.Compute(scores, labels)!;
                var area = 0.0;
                for (var i = 1; i < curve.Count && curve[i - 1].FalsePositiveRate < end; i++)
                {
                    var (a, b) = (curve[i - 1], curve[i]);
                    var to = Math.Min(end, b.FalsePositiveRate);
                    var width = to - a.FalsePositiveRate;
                    if (width > 0) area += width * (a.TruePositiveRate + (b.TruePositiveRate - a.TruePositiveRate) * width / (b.FalsePositiveRate - a.FalsePositiveRate) / 2);
                }

                Assert.Equal((1 + (area - end * end / 2) / (end - end * end / 2)) / 2, Auroc.Partial(scores, labels, end)!.Value, 1e-12);
            }
        }
    }

    [Fact]
    public void What_one_class_cannot_give_is_null()
    {
        Assert.Null(RocCurve.Compute([1, 2], [1, 1]));
        Assert.Null(RocCurve.Compute([1, 2], [0, float.NaN]));
        Assert.Null(PrecisionRecallCurve.Compute([1, 2], [0, 0]));
        Assert.Null(AveragePrecision.Compute([1, 2], [0, 0]));
        Assert.Equal(1, AveragePrecision.Compute([1, 2], [1, 1]));
        Assert.Null(Auroc.Partial([1, 2], [1, 1], 0.1));
        Assert.StartsWith("A partial area ends at a false positive rate above 0 and at most 1. (Parameter 'falsePositiveRate')",
            Assert.Throws<ArgumentOutOfRangeException>(() => Auroc.Partial([1, 2], [0, 1], 0)).Message);
    }

    private static double Area(IReadOnlyList<RocPoint> curve) => curve.Skip(1)
        .Select((p, i) => (p.FalsePositiveRate - curve[i].FalsePositiveRate) * (p.TruePositiveRate + curve[i].TruePositiveRate) / 2).Sum();

    /// <summary>The height of the curve at a rate, nearest to the one sought where the curve rises straight up.</summary>
    private static double Height(IReadOnlyList<RocPoint> curve, double rate, double sought)
    {
        var nearest = double.NaN;
        for (var i = 1; i < curve.Count; i++)
        {
            var (a, b) = (curve[i - 1], curve[i]);
            if (rate < a.FalsePositiveRate - 1e-13 || rate > b.FalsePositiveRate + 1e-13) continue;
            var width = b.FalsePositiveRate - a.FalsePositiveRate;
            var height = width == 0
                ? Math.Clamp(sought, a.TruePositiveRate, b.TruePositiveRate)
                : a.TruePositiveRate + (b.TruePositiveRate - a.TruePositiveRate) * (rate - a.FalsePositiveRate) / width;
            if (double.IsNaN(nearest) || Math.Abs(height - sought) < Math.Abs(nearest - sought)) nearest = height;
        }

        return nearest;
    }
}

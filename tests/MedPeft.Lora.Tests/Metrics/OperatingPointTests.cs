using MedPeft.Lora.Metrics;

namespace MedPeft.Lora.Tests.Metrics;

public class OperatingPointTests
{
    public static TheoryData<string> Cases => GoldenMetrics.Cases;

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_best_thresholds_are_those_of_scikit_learn(string name)
    {
        var (scores, labels, expected) = GoldenMetrics.Case(name);
        double Value(string key) => expected.GetProperty(key).GetDouble();
        var f1 = OperatingPoint.MaximumF1(scores, labels)!;
        GoldenMetrics.Close(Value("best_f1"), f1.F1);
        Assert.Equal((float)Value("best_f1_threshold"), f1.Threshold);
        Assert.Equal(f1, OperatingPoint.At(scores, labels, f1.Threshold));

        var youden = OperatingPoint.MaximumYouden(scores, labels)!;
        GoldenMetrics.Close(Value("youden_j"), youden.Youden);
        // scikit-learn 1.2 writes the threshold that calls no case positive as the highest score plus one.
        var none = (float)Value("youden_threshold") > scores.Max();
        Assert.Equal(none ? float.PositiveInfinity : (float)Value("youden_threshold"), youden.Threshold);
        Assert.Equal(youden, OperatingPoint.At(scores, labels, youden.Threshold));

        foreach (var specificity in new[] { 0.8, 0.9, 0.95 })
        {
            var point = OperatingPoint.AtSpecificity(scores, labels, specificity)!;
            GoldenMetrics.Close(Value(FormattableString.Invariant($"sens_at_spec_{specificity}")), point.Sensitivity);
            Assert.True(point.Specificity >= specificity);
            Assert.Equal(point, OperatingPoint.At(scores, labels, point.Threshold));
        }

        if (expected.TryGetProperty("f1_at_0p5", out var half)) GoldenMetrics.Close(half.GetDouble(), OperatingPoint.At(scores, labels, 0.5f).F1);
    }

    [Fact]
    public void No_threshold_of_all_is_better_than_the_one_chosen()
    {
        for (var seed = 0; seed < 30; seed++)
        {
            var (scores, labels) = RandomCases.Draw(seed, 90, levels: 5 + seed, prevalence: 0.05 + 0.03 * seed, missing: 0.1);
            OperatingPoint[] all = [.. scores.Append(float.PositiveInfinity).Distinct().OrderDescending().Select(t => OperatingPoint.At(scores, labels, t))];
            Assert.Equal(all.Max(p => p.F1), OperatingPoint.MaximumF1(scores, labels)!.F1);
            Assert.Equal(all.Max(p => p.Youden)!.Value, OperatingPoint.MaximumYouden(scores, labels)!.Youden!.Value, 1e-15);
            foreach (var rate in new[] { 0, 0.3, 0.5, 0.8, 0.9, 1 })
            {
                var specific = all.Where(p => p.Specificity >= rate).OrderByDescending(p => p.Sensitivity).ThenByDescending(p => p.Specificity).First();
                var sensitive = all.Where(p => p.Sensitivity >= rate).OrderByDescending(p => p.Specificity).ThenByDescending(p => p.Sensitivity).First();
                AssertSameCalls(specific, OperatingPoint.AtSpecificity(scores, labels, rate)!);
                AssertSameCalls(sensitive, OperatingPoint.AtSensitivity(scores, labels, rate)!);
            }
        }
    }

    [Fact]
    public void A_threshold_chosen_on_validation_cases_is_applied_to_test_cases()
    {
        var chosen = OperatingPoint.MaximumF1([0.1f, 0.4f, 0.6f, 0.9f], [0, 0, 1, 1])!;
        Assert.Equal(0.6f, chosen.Threshold);
        var applied = OperatingPoint.At([0.5f, 0.6f, 0.7f, 0.2f, 0.9f], [1, 1, 0, 0, float.NaN], chosen.Threshold);
        Assert.Equal(new OperatingPoint(0.6f, 1, 1, 1, 1), applied);
        Assert.Equal([0.5, 0.5, 0.5, 0.5, 0.5, 0, 0.5], new double?[]
        {
            applied.Sensitivity, applied.Specificity, applied.Precision, applied.NegativePredictiveValue, applied.F1, applied.Youden, applied.Accuracy,
        });
        Assert.Equal("score >= 0.6: sensitivity 0.5000, specificity 0.5000 (TP 1, FP 1, TN 1, FN 1)", applied.ToString());
    }

    [Fact]
    public void What_one_class_cannot_give_is_null()
    {
        Assert.Null(OperatingPoint.MaximumF1([1, 2], [0, 0]));
        Assert.Equal(1, OperatingPoint.MaximumF1([1, 2], [1, 1])!.F1);
        Assert.Null(OperatingPoint.MaximumYouden([1, 2], [1, 1]));
        Assert.Null(OperatingPoint.AtSpecificity([1, 2], [1, 1], 0.9));
        Assert.Null(OperatingPoint.AtSensitivity([1, 2], [0, 0], 0.9));
        var negatives = OperatingPoint.At([1, 2], [0, 0], 3);
        Assert.Null(negatives.Sensitivity);
        Assert.Null(negatives.Precision);
        Assert.Null(negatives.F1);
        Assert.Null(negatives.Youden);
        Assert.Null(OperatingPoint.At([1, 2], [1, 1], 1).NegativePredictiveValue);
        Assert.Null(OperatingPoint.At([1, 2], [float.NaN, float.NaN], 1).Accuracy);
    }

    [Fact]
    public void Bad_rates_and_thresholds_are_named()
    {
        Assert.StartsWith("A specificity lies from 0 to 1. (Parameter 'specificity')", Assert.Throws<ArgumentOutOfRangeException>(() => OperatingPoint.AtSpecificity([1, 2], [0, 1], 95)).Message);
        Assert.StartsWith("A sensitivity lies from 0 to 1. (Parameter 'sensitivity')", Assert.Throws<ArgumentOutOfRangeException>(() => OperatingPoint.AtSensitivity([1, 2], [0, 1], double.NaN)).Message);
        Assert.Equal("The threshold is NaN; give a score, or positive infinity to call no case positive. (Parameter 'threshold')",
            Assert.Throws<ArgumentException>(() => OperatingPoint.At([1], [1], float.NaN)).Message);
    }

    private static void AssertSameCalls(OperatingPoint expected, OperatingPoint actual) =>
        Assert.Equal((expected.TruePositives, expected.FalsePositives), (actual.TruePositives, actual.FalsePositives));
}

using MedPeft.Lora.Metrics;

namespace MedPeft.Lora.Tests.Metrics;

public class CalibrationTests
{
    public static TheoryData<string> Cases =>
        [.. GoldenMetrics.Root.GetProperty("cases").EnumerateArray().Where(c => c.TryGetProperty("expected", out var e) && e.TryGetProperty("brier", out _)).Select(c => c.GetProperty("name").GetString()!)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Brier_likelihood_and_calibration_error_are_the_reference_s(string name)
    {
        var (scores, labels, expected) = GoldenMetrics.Case(name);
        double Value(string key) => expected.GetProperty(key).GetDouble();

        // The reference had the scores in double precision.
        var exact = GoldenMetrics.Doubles(name);
        GoldenMetrics.Close(Value("brier"), Calibration.Brier(exact, labels));
        GoldenMetrics.Close(Value("nll"), Calibration.NegativeLogLikelihood(exact, labels));
        GoldenMetrics.Close(Value("ece15"), Calibration.ExpectedError(Calibration.Reliability(exact, labels, 15)));

        // Scores in single precision move them by no more than their own rounding.
        GoldenMetrics.Close(Value("brier"), Calibration.Brier(scores, labels), 1e-7);
        GoldenMetrics.Close(Value("nll"), Calibration.NegativeLogLikelihood(scores, labels), 1e-6);
        GoldenMetrics.Close(Value("ece15"), Calibration.ExpectedError(scores, labels), 1e-7);
    }

    [Fact]
    public void Bins_tell_what_was_said_and_what_was_true()
    {
        var bins = Calibration.Reliability([0, 0.1f, 0.25f, 0.4f, 1, 0.99f, 0.3f], [0, 1, 1, 0, 1, 1, float.NaN], bins: 4);
        Assert.Equal(4, bins.Count);
        Assert.Equal((0, 0.25, 2, 0.05, 0.5), (bins[0].From, bins[0].To, bins[0].Count, Math.Round(bins[0].MeanProbability, 7), bins[0].PositiveShare));
        Assert.Equal((0.25, 0.5, 2, 0.325, 0.5), (bins[1].From, bins[1].To, bins[1].Count, Math.Round(bins[1].MeanProbability, 7), bins[1].PositiveShare));
        Assert.Equal((0, double.NaN, double.NaN), (bins[2].Count, bins[2].MeanProbability, bins[2].PositiveShare));
        Assert.Equal((0.75, 1, 2, 0.995, 1), (bins[3].From, bins[3].To, bins[3].Count, Math.Round(bins[3].MeanProbability, 7), bins[3].PositiveShare));
        Assert.Equal((0.45 * 2 + 0.175 * 2 + 0.005 * 2) / 6, Calibration.ExpectedError([0, 0.1f, 0.25f, 0.4f, 1, 0.99f, 0.3f], [0, 1, 1, 0, 1, 1, float.NaN], 4)!.Value, 1e-8);
    }

    [Fact]
    public void Probabilities_that_come_true_have_no_error_and_the_entropy_for_likelihood()
    {
        float[] probabilities = [.. Enumerable.Repeat(0.25f, 400)], labels = [.. Enumerable.Range(0, 400).Select(i => i % 4 == 0 ? 1f : 0f)];
        Assert.Equal(0, Calibration.ExpectedError(probabilities, labels));
        Assert.Equal(0.25 * 0.75, Calibration.Brier(probabilities, labels)!.Value, 1e-15);
        Assert.Equal(-0.25 * Math.Log(0.25) - 0.75 * Math.Log(0.75), Calibration.NegativeLogLikelihood(probabilities, labels)!.Value, 1e-14);
    }

    [Fact]
    public void Missing_labels_count_for_nothing_and_alone_give_nothing()
    {
        Assert.Equal(Calibration.Brier([0.2f, 0.9f], [0, 1]), Calibration.Brier([0.2f, 0.5f, 0.9f], [0, float.NaN, 1]));
        Assert.Equal(Calibration.NegativeLogLikelihood([0.2f, 0.9f], [0, 1]), Calibration.NegativeLogLikelihood([0.2f, 0.5f, 0.9f], [0, float.NaN, 1]));
        Assert.Null(Calibration.Brier([0.2f], [float.NaN]));
        Assert.Null(Calibration.NegativeLogLikelihood([0.2f], [float.NaN]));
        Assert.Null(Calibration.ExpectedError([0.2f], [float.NaN]));
    }

    [Fact]
    public void Sigmoids_are_exact_at_both_ends()
    {
        Assert.Equal([0.5f, 0.7310586f, 0.26894143f, 1, 3.7835e-44f, 0], Calibration.Sigmoid([0, 1, -1, 100, -100, -500]));
        Assert.Equal(Calibration.Sigmoid([0.5f, -2]), Calibration.Sigmoid([1, -4], temperature: 2));
        Assert.Equal(Math.Exp(-700), Calibration.Logistic(-700), 1e-318);
    }

    [Fact]
    public void Logits_taken_for_probabilities_are_named()
    {
        Assert.Equal("The probability of case 1 is -0.25; probabilities lie from 0 to 1. Turn logits into probabilities first: Calibration.Sigmoid.",
            Assert.Throws<ArgumentException>(() => Calibration.Brier([0.5f, -0.25f], [0, 1])).Message);
        Assert.Equal("There are no scores; a metric needs at least one case. (Parameter 'scores')", Assert.Throws<ArgumentException>(() => Calibration.Brier(Array.Empty<float>(), [])).Message);
        Assert.StartsWith("bins ('0') must be a non-negative and non-zero value.", Assert.Throws<ArgumentOutOfRangeException>(() => Calibration.Reliability([1], [1], 0)).Message);
        Assert.StartsWith("A temperature divides the logits: it is finite and above 0. (Parameter 'temperature')",
            Assert.Throws<ArgumentOutOfRangeException>(() => Calibration.Sigmoid([1], 0)).Message);
    }
}

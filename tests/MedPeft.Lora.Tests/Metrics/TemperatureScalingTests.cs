using MedPeft.Lora.Metrics;

namespace MedPeft.Lora.Tests.Metrics;

public class TemperatureScalingTests
{
    [Theory]
    [InlineData(0.2)]
    [InlineData(1)]
    [InlineData(3.7)]
    [InlineData(40)]
    public void The_temperature_that_logits_were_multiplied_by_is_found_again(double temperature)
    {
        // Each logit z with weights that are its own sigmoid: 1000 cases, of which 1000·p are positive.
        var (logits, labels) = (new List<float>(), new List<float>());
        foreach (var p in new[] { 0.02, 0.1, 0.3, 0.5, 0.62, 0.9 })
        {
            for (var i = 0; i < 1000; i++)
            {
                logits.Add((float)(Math.Log(p / (1 - p)) * temperature));
                labels.Add(i < Math.Round(1000 * p) ? 1 : 0);
            }
        }

        var scaling = TemperatureScaling.Fit([.. logits], [.. labels])!;
        Assert.Equal(1, scaling.Temperature / temperature, 1e-6);
        Assert.False(scaling.AtBound);
        Assert.True(scaling.After <= scaling.Before);
        Assert.Equal(0, Calibration.ExpectedError(scaling.Apply([.. logits]), [.. labels])!.Value, 1e-6);
    }

    [Fact]
    public void No_other_temperature_is_likelier()
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var (scores, labels) = RandomCases.Draw(seed, 500, levels: 100, missing: 0.1);
            float[] logits = [.. scores.Select(s => (s - 0.4f) * (1 + seed))];
            var scaling = TemperatureScaling.Fit(logits, labels)!;
            double Loss(double t) => Calibration.NegativeLogLikelihood(Calibration.Probabilities(logits, t), labels)!.Value;
            Assert.Equal(Loss(1), scaling.Before, 1e-12);
            Assert.Equal(Loss(scaling.Temperature), scaling.After, 1e-12);
            foreach (var factor in new[] { 0.1, 0.9, 0.999, 1.001, 1.1, 10 }) Assert.True(Loss(scaling.Temperature * factor) > scaling.After);
        }
    }

    [Fact]
    public void Logits_far_apart_in_size_are_no_trap()
    {
        float[] logits = [1e30f, -1e30f, 1e-30f, 50, -50, 3, -3, 0], labels = [1, 0, 1, 0, 1, 1, 1, 0];
        var scaling = TemperatureScaling.Fit(logits, labels)!;
        Assert.True(double.IsFinite(scaling.After));
        Assert.True(scaling.After <= scaling.Before);
        Assert.InRange(scaling.Temperature, 0.001, 1000);
    }

    [Fact]
    public void Logits_without_a_mistake_and_logits_against_the_labels_have_no_temperature()
    {
        var sure = TemperatureScaling.Fit([-2, -1, 1, 2], [0, 0, 1, 1])!;
        Assert.Equal((0.001, true), (sure.Temperature, sure.AtBound));
        var contrary = TemperatureScaling.Fit([-2, -1, 1, 2], [1, 1, 0, 0])!;
        Assert.Equal((1000, true), (contrary.Temperature, contrary.AtBound));
        Assert.Equal("temperature 1000.0000: negative log likelihood 1.7201 -> 0.6939 (at the bound: no fit)", contrary.ToString());
        var silent = TemperatureScaling.Fit([0, 0], [1, 0])!;
        Assert.Equal((1, false), (silent.Temperature, silent.AtBound));
    }

    [Fact]
    public void The_order_of_the_cases_stays()
    {
        var (scores, labels) = RandomCases.Draw(1, 300, levels: 20);
        float[] logits = [.. scores.Select(s => 8 * s - 3)];
        Assert.Equal(Auroc.Compute(logits, labels), Auroc.Compute(TemperatureScaling.Fit(logits, labels)!.Apply(logits), labels));
    }

    [Fact]
    public void Without_labels_there_is_no_fit()
    {
        Assert.Null(TemperatureScaling.Fit([1, 2], [float.NaN, float.NaN]));
        Assert.Equal("The label of case 1 is 3; labels are 0, 1, or NaN where they are missing.", Assert.Throws<ArgumentException>(() => TemperatureScaling.Fit([1, 2], [1, 3])).Message);
    }
}

using MedPeft.Lora.Training;

namespace MedPeft.Lora.Tests.Training;

public class LearningRateTests
{
    // Written out from the published formula: lr·t/5 during the warm-up, then min + (lr − min)·(1 + cos(π·(t − 5)/(100 − 5)))/2.
    [Theory]
    [InlineData(0, 0)]
    [InlineData(2.5, 5e-4)]
    [InlineData(5, 1e-3)]
    [InlineData(52.5, 5.005e-4)]
    [InlineData(100, 1e-6)]
    public void Warm_up_is_linear_and_the_rest_half_a_cosine(double epoch, double expected) =>
        Assert.Equal(expected, LearningRate.WarmupCosine(epoch, epochs: 100, warmupEpochs: 5, peak: 1e-3, floor: 1e-6), 12);

    [Fact]
    public void A_run_without_warm_up_starts_at_the_peak() => Assert.Equal(.1, LearningRate.WarmupCosine(0, 10, 0, .1, 0));

    [Fact]
    public void A_run_shorter_than_the_warm_up_warms_up_over_its_first_tenth()
    {
        Assert.Equal(.4, new TrainingOptions { Epochs = 4 }.Warmup);
        Assert.Equal(5, new TrainingOptions { Epochs = 6 }.Warmup);
    }
}

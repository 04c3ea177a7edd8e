using MedPeft.Lora.Training;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Training;

public class MaskedLossTests
{
    private static float Softplus(float x) => MathF.Log(1 + MathF.Exp(x));

    [Fact]
    public void Missing_labels_are_left_out_of_the_loss()
    {
        using var scope = NewDisposeScope();
        var logits = tensor(new float[] { .3f, -2, 1.5f, .7f }, [2, 2]);
        var labels = tensor(new float[] { 1, float.NaN, 0, float.NaN }, [2, 2]);

        Assert.Equal((Softplus(-.3f) + Softplus(1.5f)) / 2, MaskedLoss.Of(logits, labels).item<float>(), 6);
        Assert.Equal(0, MaskedLoss.Of(logits, full_like(labels, float.NaN)).item<float>());
    }

    [Fact]
    public void Without_missing_labels_it_is_torchs()
    {
        using var scope = NewDisposeScope();
        var (logits, labels) = (tensor(new float[] { .3f, -2, 1.5f, .7f }, [2, 2]), tensor(new float[] { 1, 0, 0, 1 }, [2, 2]));

        Assert.Equal(nn.functional.binary_cross_entropy_with_logits(logits, labels).item<float>(), MaskedLoss.Of(logits, labels).item<float>(), 6);
    }

    [Fact]
    public void Smoothing_moves_labels_to_the_middle()
    {
        using var scope = NewDisposeScope();
        var (logits, labels) = (tensor(new float[] { .5f, -1 }, [1, 2]), tensor(new float[] { 1, 0 }, [1, 2]));

        // 0.9·softplus(−x) + 0.1·softplus(x) for the positive, the reverse for the negative.
        var expected = (.9f * Softplus(-.5f) + .1f * Softplus(.5f) + .9f * Softplus(-1) + .1f * Softplus(1)) / 2;
        Assert.Equal(expected, MaskedLoss.Of(logits, labels, labelSmoothing: .2).item<float>(), 6);
    }

    [Fact]
    public void Positive_weights_multiply_the_loss_of_positive_cases()
    {
        using var scope = NewDisposeScope();
        var (logits, labels) = (tensor(new float[] { .5f, -1, .2f, 2 }, [2, 2]), tensor(new float[] { 1, 0, 0, 1 }, [2, 2]));

        var expected = (3 * Softplus(-.5f) + Softplus(-1) + Softplus(.2f) + 5 * Softplus(-2)) / 4;
        Assert.Equal(expected, MaskedLoss.Of(logits, labels, tensor(new float[] { 3, 5 })).item<float>(), 6);
    }
}

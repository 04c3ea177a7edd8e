using MedPeft.Lora.Common;
using static TorchSharp.torch;

namespace MedPeft.Lora.Training;

/// <summary>Binary cross-entropy over several findings of one image, with missing labels left out.</summary>
internal static class MaskedLoss
{
    /// <param name="logits">[B, K].</param>
    /// <param name="labels">[B, K]: in 0 to 1, or NaN where the label is missing.</param>
    /// <param name="positiveWeights">Factor on the loss of each label's positive cases, [K].</param>
    /// <param name="labelSmoothing">ε: labels move ε/2 towards the middle.</param>
    /// <param name="present">Labels that the mean is over, where these are part of a larger batch; otherwise those of this one.</param>
    /// <returns>Mean over the labels present, a scalar; 0 where none is.</returns>
    public static Tensor Of(Tensor logits, Tensor labels, Tensor? positiveWeights = null, double labelSmoothing = 0, long? present = null)
    {
        using var scope = NewDisposeScope();
        var missing = labels.isnan();
        var mask = missing.logical_not().to(ScalarType.Float32);
        var targets = labels.nan_to_num(0);
        if (labelSmoothing > 0) targets = targets.Times(1 - labelSmoothing).Plus(labelSmoothing / 2);
        var sum = nn.functional.binary_cross_entropy_with_logits(
            logits.to(ScalarType.Float32), targets, weight: mask, reduction: nn.Reduction.Sum, pos_weights: positiveWeights);
        return sum.Times(1.0 / Math.Max(1, present ?? Present(labels))).MoveToOuterDisposeScope();
    }

    /// <summary>How many labels are not missing.</summary>
    public static long Present(Tensor labels)
    {
        using var missing = labels.isnan();
        using var count = missing.sum(ScalarType.Int64);
        return labels.numel() - count.item<long>();
    }
}

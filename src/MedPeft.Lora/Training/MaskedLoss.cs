using MedPeft.Lora.Common;
using static TorchSharp.torch;

namespace MedPeft.Lora.Training;

/// <summary>Binary cross-entropy over several findings of one image, with missing labels left out.</summary>
internal static class MaskedLoss
{
    /// <param name="logits">[B, K].</param>
    /// <param name="labels">[B, K]: 0, 1, or NaN where the label is missing.</param>
    /// <returns>Mean over the labels present, a scalar; 0 where none is.</returns>
    public static Tensor Of(Tensor logits, Tensor labels)
    {
        using var missing = labels.isnan();
        using var any = missing.any();
        using var scores = logits.to(ScalarType.Float32);
        if (!any.item<bool>()) return nn.functional.binary_cross_entropy_with_logits(scores, labels);
        using var scope = NewDisposeScope();
        var present = missing.logical_not().to(ScalarType.Float32);
        var targets = labels.nan_to_num(0);
        var sum = nn.functional.binary_cross_entropy_with_logits(scores, targets, weight: present, reduction: nn.Reduction.Sum);
        return (sum / present.sum().AtLeast(1)).MoveToOuterDisposeScope();
    }
}

using MedPeft.Lora.Common;
using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>What a merge must hold to.</summary>
public sealed record MergeOptions
{
    /// <summary>The share of an update that rounding to the weight's type may lose, ‖rounded − ΔW‖ / ‖ΔW‖, in any layer. Null, the default, is any.</summary>
    /// <remarks>In float32 some 1e-6 is lost; in bfloat16, whose step is 1/256 of a weight, an update of a hundredth of the weights loses about a fifth.</remarks>
    /// <exception cref="ArgumentOutOfRangeException">It is negative or no number.</exception>
    public double? Tolerance { get; init => field = value is null ? null : Require.NotNegative(value.Value, nameof(Tolerance)); }

    /// <summary>An input of the model, to measure how far the outputs move; needs a <c>Module&lt;Tensor, Tensor&gt;</c>. It is run before and after, in evaluation mode. Null, the default, measures nothing.</summary>
    public Tensor? Sample { get; init; }
}

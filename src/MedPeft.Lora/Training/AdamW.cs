using MedPeft.Lora.Common;
using static TorchSharp.torch;

namespace MedPeft.Lora.Training;

/// <summary>Adam with decoupled weight decay, in PyTorch's order of operations (Loshchilov and Hutter 2019, Algorithm 2).</summary>
internal sealed class AdamW(IReadOnlyList<ParameterGroup> groups, double beta1, double beta2) : Optimizer(groups, "first", "second")
{
    private const double Eps = 1e-8;

    protected override void Update(Tensor values, Tensor gradient, IReadOnlyList<Tensor> state, double learningRate, double weightDecay)
    {
        var (first, second) = (state[0], state[1]);
        if (weightDecay > 0) values.TimesInPlace(1 - learningRate * weightDecay);
        first.TimesInPlace(beta1).PlusInPlace(gradient, 1 - beta1);
        second.TimesInPlace(beta2).PlusProductInPlace(gradient, gradient, 1 - beta2);
        using var denominator = second.sqrt();
        denominator.TimesInPlace(1 / Math.Sqrt(1 - Math.Pow(beta2, Steps))).PlusInPlace(Eps);
        values.PlusQuotientInPlace(first, denominator, -learningRate / (1 - Math.Pow(beta1, Steps)));
    }
}

using System.Runtime.Intrinsics;
using MedPeft.Lora.Common;
using static TorchSharp.torch;

namespace MedPeft.Lora.Training;

/// <summary>Adam with decoupled weight decay, in PyTorch's order of operations (Loshchilov and Hutter 2019, Algorithm 2).</summary>
internal sealed class AdamW(IReadOnlyList<ParameterGroup> groups, double beta1, double beta2) : Optimizer(groups, "first", "second")
{
    private const double Eps = 1e-8;

    private double Bias1 => 1 - Math.Pow(beta1, Steps);

    private double Bias2 => 1 - Math.Pow(beta2, Steps);

    protected override void Update(Tensor values, Tensor gradient, IReadOnlyList<Tensor> state, double learningRate, double weightDecay)
    {
        var (first, second) = (state[0], state[1]);
        if (weightDecay > 0) values.TimesInPlace(1 - learningRate * weightDecay);
        first.TimesInPlace(beta1).PlusInPlace(gradient, 1 - beta1);
        second.TimesInPlace(beta2).PlusProductInPlace(gradient, gradient, 1 - beta2);
        using var denominator = second.sqrt();
        denominator.TimesInPlace(1 / Math.Sqrt(Bias2)).PlusInPlace(Eps);
        values.PlusQuotientInPlace(first, denominator, -learningRate / Bias1);
    }

    protected override unsafe void Update(FlatStep step, double learningRate, double weightDecay)
    {
        var (keep, old1, new1, old2, new2) = ((float)(1 - learningRate * weightDecay), (float)beta1, (float)(1 - beta1), (float)beta2, (float)(1 - beta2));
        var (unbias, factor) = ((float)(1 / Math.Sqrt(Bias2)), (float)(-learningRate / Bias1));
        FlatFloats.InPieces(step.Length, (start, count) =>
        {
            float* values = step.Values + start, gradient = step.Gradient + start, first = step.First + start, second = step.Second + start;
            var i = 0;
            for (; i <= count - Vector512<float>.Count; i += Vector512<float>.Count)
            {
                var g = Vector512.Load(gradient + i);
                var m = Vector512.Load(first + i) * old1 + g * new1;
                var v = Vector512.Load(second + i) * old2 + g * new2 * g;
                var denominator = Vector512.Sqrt(v) * unbias + Vector512.Create((float)Eps);
                Vector512.Store(m, first + i);
                Vector512.Store(v, second + i);
                Vector512.Store(Vector512.Load(values + i) * keep + m * factor / denominator, values + i);
            }

            for (; i < count; i++)
            {
                var g = gradient[i];
                first[i] = first[i] * old1 + g * new1;
                second[i] = second[i] * old2 + g * new2 * g;
                values[i] = values[i] * keep + first[i] * factor / (MathF.Sqrt(second[i]) * unbias + (float)Eps);
            }
        });
    }
}

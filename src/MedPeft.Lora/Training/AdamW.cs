using MedPeft.Lora.Common;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Training;

/// <summary>Adam with decoupled weight decay, in PyTorch's order of operations (Loshchilov and Hutter 2019, Algorithm 2).</summary>
internal sealed class AdamW(IReadOnlyList<ParameterGroup> groups, double beta1, double beta2) : Optimizer(groups)
{
    private const double Eps = 1e-8;
    private readonly Dictionary<string, (Tensor First, Tensor Second)> _moments = [];

    public override void Dispose()
    {
        foreach (var (first, second) in _moments.Values)
        {
            first.Dispose();
            second.Dispose();
        }
    }

    protected override void Update(string name, Parameter parameter, Tensor gradient, double learningRate, double weightDecay)
    {
        if (!_moments.TryGetValue(name, out var moments))
            _moments[name] = moments = (zeros_like(parameter).DetachFromDisposeScope(), zeros_like(parameter).DetachFromDisposeScope());

        if (weightDecay > 0) parameter.TimesInPlace(1 - learningRate * weightDecay);
        moments.First.TimesInPlace(beta1).PlusInPlace(gradient, 1 - beta1);
        moments.Second.TimesInPlace(beta2).PlusProductInPlace(gradient, gradient, 1 - beta2);
        var denominator = moments.Second.sqrt().TimesInPlace(1 / Math.Sqrt(1 - Math.Pow(beta2, Steps))).PlusInPlace(Eps);
        parameter.PlusQuotientInPlace(moments.First, denominator, -learningRate / (1 - Math.Pow(beta1, Steps)));
    }
}

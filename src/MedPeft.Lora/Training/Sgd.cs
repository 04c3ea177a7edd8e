using MedPeft.Lora.Common;
using static TorchSharp.torch;

namespace MedPeft.Lora.Training;

/// <summary>SGD with momentum as PyTorch has it: v ← μ·v + g (from v = 0), p ← p − rate·v.</summary>
internal sealed class Sgd(IReadOnlyList<ParameterGroup> groups, double momentum) : Optimizer(groups, momentum > 0 ? ["velocity"] : [])
{
    protected override void Update(Tensor values, Tensor gradient, IReadOnlyList<Tensor> state, double learningRate, double weightDecay)
    {
        var direction = gradient;
        if (weightDecay != 0)
        {
            using var decay = values.Times(weightDecay);
            direction = gradient.Plus(decay); // of the caller's scope
        }

        if (momentum > 0) direction = state[0].TimesInPlace(momentum).PlusInPlace(direction);
        values.PlusInPlace(direction, -learningRate);
    }
}

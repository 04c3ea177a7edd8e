using MedPeft.Lora.Common;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Training;

/// <summary>SGD with momentum as PyTorch has it: v ← μ·v + g (v ← g at first), p ← p − rate·v.</summary>
internal sealed class Sgd(IReadOnlyList<ParameterGroup> groups, double momentum) : Optimizer(groups)
{
    private readonly Dictionary<string, Tensor> _velocity = [];

    public override void Dispose()
    {
        foreach (var velocity in _velocity.Values) velocity.Dispose();
    }

    protected override void Update(string name, Parameter parameter, Tensor gradient, double learningRate, double weightDecay)
    {
        var direction = weightDecay == 0 ? gradient : gradient.Plus(parameter.Times(weightDecay));
        if (momentum > 0)
        {
            if (_velocity.TryGetValue(name, out var velocity)) velocity.TimesInPlace(momentum).PlusInPlace(direction);
            else _velocity[name] = velocity = direction.clone().DetachFromDisposeScope();
            direction = velocity;
        }

        parameter.PlusInPlace(direction, -learningRate);
    }
}

using System.Runtime.Intrinsics;
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

    protected override unsafe void Update(FlatStep step, double learningRate, double weightDecay)
    {
        var (decay, old, factor) = ((float)weightDecay, (float)momentum, (float)-learningRate);
        FlatFloats.InPieces(step.Length, (start, count) =>
        {
            float* values = step.Values + start, gradient = step.Gradient + start, velocity = step.First is null ? null : step.First + start;
            var i = 0;
            for (; i <= count - Vector512<float>.Count; i += Vector512<float>.Count)
            {
                var value = Vector512.Load(values + i);
                var direction = Vector512.Load(gradient + i) + value * decay;
                if (velocity is not null) Vector512.Store(direction += Vector512.Load(velocity + i) * old, velocity + i);
                Vector512.Store(value + direction * factor, values + i);
            }

            for (; i < count; i++)
            {
                var direction = gradient[i] + values[i] * decay;
                if (velocity is not null) velocity[i] = direction += velocity[i] * old;
                values[i] += direction * factor;
            }
        });
    }
}

using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Training;

/// <summary>Turns gradients into steps and keeps what it must remember of them.</summary>
internal abstract class Optimizer : IDisposable
{
    private readonly IReadOnlyList<ParameterGroup> _groups;

    protected Optimizer(IReadOnlyList<ParameterGroup> groups) => _groups = groups;

    /// <summary>Steps taken.</summary>
    public int Steps { get; private set; }

    public static Optimizer For(IReadOnlyList<ParameterGroup> groups, TrainingOptions options) => options.Optimizer switch
    {
        OptimizerKind.Sgd => new Sgd(groups, options.Momentum),
        OptimizerKind.AdamW => new AdamW(groups, options.Beta1, options.Beta2),
        _ => throw new TrainingException($"Optimizer {options.Optimizer} is unknown; choose Sgd or AdamW."),
    };

    /// <summary>Applies the gradients at hand; parameters without one stay as they are.</summary>
    public void Step(double learningRate)
    {
        Steps++;
        using var guard = no_grad();
        foreach (var group in _groups)
        {
            foreach (var (name, parameter) in group.Parameters)
            {
                using var gradient = parameter.grad;
                if (gradient is null) continue;
                using var scope = NewDisposeScope();
                Update(name, parameter, gradient, learningRate * group.Scale, group.WeightDecay);
            }
        }
    }

    public void ClearGradients()
    {
        foreach (var (_, parameter) in _groups.SelectMany(group => group.Parameters)) parameter.grad = null;
    }

    public abstract void Dispose();

    protected abstract void Update(string name, Parameter parameter, Tensor gradient, double learningRate, double weightDecay);
}

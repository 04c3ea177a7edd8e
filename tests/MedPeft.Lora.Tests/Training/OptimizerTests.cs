using MedPeft.Lora.Training;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Training;

/// <summary>Held to TorchSharp's own optimizers, an implementation from outside.</summary>
public class OptimizerTests
{
    [Theory]
    [InlineData(0, 0)]
    [InlineData(.9, 0)]
    [InlineData(.9, .01)]
    public void Sgd_steps_as_torch_does(double momentum, double weightDecay) => Compare(
        new TrainingOptions { Optimizer = OptimizerKind.Sgd, Momentum = momentum, WeightDecay = weightDecay },
        parameters => optim.SGD(parameters, learningRate: .1, momentum: momentum, weight_decay: weightDecay));

    [Theory]
    [InlineData(0)]
    [InlineData(.05)]
    public void AdamW_steps_as_torch_does(double weightDecay) => Compare(
        new TrainingOptions { Optimizer = OptimizerKind.AdamW, WeightDecay = weightDecay },
        parameters => optim.AdamW(parameters, lr: .1, weight_decay: weightDecay));

    [Theory]
    [InlineData(OptimizerKind.Sgd, 0, 0)]
    [InlineData(OptimizerKind.Sgd, .9, 0)]
    [InlineData(OptimizerKind.Sgd, .9, .01)]
    [InlineData(OptimizerKind.AdamW, 0, 0)]
    [InlineData(OptimizerKind.AdamW, 0, .05)]
    public void Steps_in_place_are_those_of_tensor_operations_but_for_rounding(OptimizerKind kind, double momentum, double weightDecay)
    {
        using var scope = NewDisposeScope();
        using var draws = new Generator(11, CPU);
        var options = new TrainingOptions { Optimizer = kind, Momentum = momentum, WeightDecay = weightDecay };
        // Vectors and a rest, less than a vector, and one large enough for a unit of its own and several threads.
        var starts = new List<Tensor> { randn(8, 37, generator: draws), randn(5, generator: draws), randn(700, 400, generator: draws), randn(3, generator: draws) };
        var (flat, plain) = (Made(starts), Made(starts));
        using Optimizer a = Optimizer.For(Groups(flat, weightDecay), options), b = Optimizer.For(Groups(plain, weightDecay), options, flat: false);
        for (var step = 0; step < 5; step++)
        {
            for (var i = 0; i < starts.Count; i++)
            {
                var gradient = i == 3 && step == 2 ? null : randn(starts[i].shape, generator: draws).mul(.1);
                (flat[i].Parameter.grad, plain[i].Parameter.grad) = (gradient?.clone(), gradient?.clone());
            }

            Assert.Equal(b.Gather(), a.Gather(), 1e-6 * b.Gather());
            a.ScaleGradients(.3);
            b.ScaleGradients(.3);
            a.GiveBack();
            b.GiveBack();
            for (var i = 0; i < starts.Count; i++)
                if (flat[i].Parameter.grad is { } gradient) TensorAssert.Same(plain[i].Parameter.grad!, gradient, "gradient");
            a.Apply(.05);
            b.Apply(.05);
        }

        Assert.All(a.Units, unit => Assert.True(unit.IsFlat));
        Assert.All(b.Units, unit => Assert.False(unit.IsFlat));
        for (var i = 0; i < starts.Count; i++) TensorAssert.Close(plain[i].Parameter, flat[i].Parameter, 2e-6, plain[i].Name);
        foreach (var ((name, expected), (_, found)) in b.State().Zip(a.State())) TensorAssert.Close(expected, found, 2e-6, name);
    }

    [Fact]
    public void Other_types_and_gradients_of_other_layouts_are_stepped_by_tensor_operations()
    {
        using var scope = NewDisposeScope();
        var double64 = new List<(string Name, TorchSharp.Modules.Parameter Parameter)> { ("a", new(ones(4, 3, ScalarType.Float64))), ("b", new(ones(2, ScalarType.Float64))) };
        var turned = Made([ones(4, 3), ones(2)]);
        var options = new TrainingOptions { Optimizer = OptimizerKind.Sgd, Momentum = 0 };
        using Optimizer first = Optimizer.For(Groups(double64, 0), options), second = Optimizer.For(Groups(turned, 0), options);
        foreach (var (_, parameter) in double64) parameter.grad = full_like(parameter, 2);
        turned[0].Parameter.grad = full([3, 4], 2, ScalarType.Float32).t();
        turned[1].Parameter.grad = full([2], 2, ScalarType.Float32);
        first.Step(.25);
        second.Step(.25);
        Assert.All(first.Units.Concat(second.Units), unit => Assert.False(unit.IsFlat));
        foreach (var (name, parameter) in double64.Concat(turned)) TensorAssert.Close(full_like(parameter, .5), parameter, 1e-12, name);
    }

    private static List<(string Name, TorchSharp.Modules.Parameter Parameter)> Made(IReadOnlyList<Tensor> starts) =>
        [.. starts.Select((start, i) => ($"p{i}", new TorchSharp.Modules.Parameter(start.clone())))];

    private static ParameterGroup[] Groups(IReadOnlyList<(string, TorchSharp.Modules.Parameter)> parameters, double weightDecay) => [new(parameters, 1, weightDecay)];

    private static void Compare(TrainingOptions options, Func<List<TorchSharp.Modules.Parameter>, optim.Optimizer> reference)
    {
        using var scope = NewDisposeScope();
        using var draws = new Generator(5, CPU);
        var start = randn(4, 3, generator: draws);
        var (ours, theirs) = (nn.Linear(nn.Parameter(start.clone())), nn.Linear(nn.Parameter(start.clone())));
        using var optimizer = Optimizer.For(ParameterGroup.Of(ours, options), options);
        var expected = reference([.. theirs.parameters()]);
        for (var step = 0; step < 6; step++)
        {
            var input = randn(5, 3, generator: draws);
            optimizer.ClearGradients();
            expected.zero_grad();
            ours.call(input).pow(2).sum().backward();
            theirs.call(input).pow(2).sum().backward();
            optimizer.Step(.1);
            expected.step();
        }

        Assert.Equal(6, optimizer.Steps);
        TensorAssert.Close(theirs.weight, ours.weight, 1e-5, "weight");
    }
}

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

using MedPeft.Lora.Common;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Common;

/// <summary>Held to torch's index_add and its gradients.</summary>
public class RowSumTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Sum_and_gradients_are_those_of_index_add_bit_for_bit(bool trainedBelow)
    {
        using var scope = NewDisposeScope();
        using var draws = new Generator(2, CPU);
        Tensor a = randn(5, 3, 4, generator: draws), source = randn(3, 3, 4, generator: draws), weights = randn(5, 3, 4, generator: draws);
        var index = tensor(new[] { 4L, 0, 2 });
        var results = new Func<Tensor, Tensor, Tensor>[] { (to, from) => to.PlusRows(index, from, 1.25), (to, from) => RowSum.Of(to, index, from, 1.25) }.Select(sum =>
        {
            Tensor to = a.clone().requires_grad_(trainedBelow), from = source.clone().requires_grad_();
            var output = sum(to, from);
            output.mul(weights).sum().backward();
            return (Output: output, To: to.grad, From: from.grad!);
        }).ToList();
        TensorAssert.Same(results[0].Output, results[1].Output, "output");
        TensorAssert.Same(results[0].From, results[1].From, "gradient of what is added");
        Assert.Equal(trainedBelow, results[1].To is not null);
        if (trainedBelow) TensorAssert.Same(results[0].To!, results[1].To!, "gradient of what it is added to");
    }

    [Fact]
    public void A_sum_over_all_rows_is_the_plain_sum_bit_for_bit()
    {
        using var scope = NewDisposeScope();
        using var draws = new Generator(3, CPU);
        Tensor a = randn(4, 197, 33, generator: draws), source = randn(4, 197, 33, generator: draws);
        TensorAssert.Same(a.PlusRows(arange(4L), source, 1 / .9), a.Plus(source, 1 / .9), "sum");
    }
}

using MedPeft.Lora.Common;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Common;

public class DropoutMaskTests
{
    [Theory]
    [InlineData(ScalarType.Float32, .1)]
    [InlineData(ScalarType.Float32, .5)]
    [InlineData(ScalarType.BFloat16, .1)]
    [InlineData(ScalarType.Float64, .25)]
    public void Entries_are_dropped_at_their_probability_wherever_they_are(ScalarType type, double probability)
    {
        const int Rows = 1000, Columns = 197;
        var kept = Mask(7, [Rows, Columns], type, probability);
        Assert.All(kept, value => Assert.True(value is 0 or 1));
        // Five standard deviations of a binomial; by column, so that no lane or remainder is off.
        Within(kept.Average(), probability, kept.Length);
        for (var column = 0; column < Columns; column++) Within(Enumerable.Range(0, Rows).Average(row => kept[row * Columns + column]), probability, Rows);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    [InlineData(16)]
    [InlineData(64)]
    public void Entries_at_a_distance_are_independent(int distance)
    {
        var kept = Mask(3, [1 << 18], ScalarType.Float32, .3);
        var pairs = kept.Zip(kept.Skip(distance), (a, b) => (a - .7) * (b - .7)).ToList();
        Assert.True(Math.Abs(pairs.Average()) < 5 * .3 * .7 / Math.Sqrt(pairs.Count), $"covariance {pairs.Average()}");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(15)]
    [InlineData(31)]
    [InlineData(33)]
    public void Lengths_that_fill_no_vector_are_filled_to_the_end(int length)
    {
        var both = Enumerable.Range(0, 200).Select(seed => Mask(seed, [length], ScalarType.Float32, .5)[^1]).Distinct().Order();
        Assert.Equal([0f, 1f], both);
    }

    [Fact]
    public void The_seed_decides_the_mask() => Assert.Equal(Mask(11, [3, 77], ScalarType.Float32, .4), Mask(11, [3, 77], ScalarType.Float32, .4));

    [Fact]
    public void Gradients_pass_where_the_input_did()
    {
        using var scope = NewDisposeScope();
        var input = ones(50, 7).requires_grad_();
        var dropped = DropoutMask.Apply(input, .5);
        dropped.sum().backward();
        Assert.Equal(dropped.data<float>().ToArray(), input.grad!.data<float>().ToArray());
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void The_gradient_is_that_of_a_product_with_the_mask_in_every_type_and_layout(ScalarType type)
    {
        using var scope = NewDisposeScope();
        using var draws = new Generator(4, CPU);
        // Read and written through a transposed view, and passed on through one: neither lies in one piece.
        var (start, weights) = (randn(33, 50, generator: draws).to(type), randn(50, 33, generator: draws).to(type));
        Tensor a = start.clone().requires_grad_(), b = start.clone().requires_grad_();
        var dropped = DropoutMask.Apply(a.t(), .4);
        var product = b.t().mul(dropped.detach().ne(0).to(type));
        TensorAssert.Close(product, dropped, 0, "output");
        dropped.t().mul(weights.t()).sum().backward();
        product.t().mul(weights.t()).sum().backward();
        TensorAssert.Close(b.grad!, a.grad!, 0, "gradient");
    }

    private static float[] Mask(long seed, long[] shape, ScalarType type, double probability)
    {
        using var scope = NewDisposeScope();
        using var callers = random.get_rng_state();
        manual_seed(seed);
        var kept = DropoutMask.Apply(ones(shape, type), probability).to(ScalarType.Float32).data<float>().ToArray();
        random.set_rng_state(callers);
        return kept;
    }

    private static void Within(double share, double probability, int count) =>
        Assert.True(Math.Abs(share - (1 - probability)) < 5 * Math.Sqrt(probability * (1 - probability) / count), $"kept {share} of {count}");
}

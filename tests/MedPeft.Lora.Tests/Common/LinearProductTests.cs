using MedPeft.Lora.Common;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Common;

/// <summary>The convolution's way against libtorch's own linear layer, whichever of the two this machine's processor would take.</summary>
public class LinearProductTests
{
    private const double Tolerance = 2e-5; // of the largest value; both are sums of 96 float32 products, in another order

    public static TheoryData<long[]> Inputs => [[5, 96], [2, 17, 96], [3, 4, 96], [1, 96], [2, 3, 20, 96]];

    [Theory]
    [MemberData(nameof(Inputs))]
    public void Gives_what_the_layer_gives(long[] shape)
    {
        using var scope = NewDisposeScope();
        var (layer, input) = Made(shape);

        Close(layer.call(input), LinearProduct.Of(layer, input));
        using var none = no_grad();
        Close(layer.call(input), LinearProduct.Of(layer, input));
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void Gives_the_gradients_of_the_layer(bool weight, bool bias)
    {
        using var scope = NewDisposeScope();
        var (layer, input) = Made([3, 20, 96]);
        layer.weight.requires_grad = weight;
        layer.bias!.requires_grad = bias;
        var gradient = rand(3, 20, 48);
        List<Tensor?> Gradients(Func<Tensor, Tensor> pass)
        {
            var leaf = input.clone().requires_grad_();
            layer.zero_grad();
            pass(leaf).backward([gradient]);
            return [leaf.grad, weight ? layer.weight.grad!.clone() : null, bias ? layer.bias.grad!.clone() : null];
        }

        foreach (var (expected, actual) in Gradients(layer.call).Zip(Gradients(x => LinearProduct.Of(layer, x))))
            if (expected is not null)
                Close(expected, actual!);
    }

    [Fact]
    public void Takes_inputs_that_are_not_dense()
    {
        using var scope = NewDisposeScope();
        var (layer, input) = Made([96, 20, 3]);
        var turned = input.permute(2, 1, 0);

        Close(layer.call(turned), LinearProduct.Of(layer, turned));
    }

    [Fact]
    public void What_it_gives_may_be_added_to_in_place()
    {
        using var scope = NewDisposeScope();
        var (layer, input) = Made([3, 20, 96]);
        Freeze(layer);
        Tensor leaf = input.clone().requires_grad_(), factor = rand(48).requires_grad_();

        LinearProduct.Of(layer, leaf).PlusInPlace(factor).sum().backward();

        Close(full(48, 60f), factor.grad!);
        Close(layer.weight.sum([0L]).expand(3, 20, 96), leaf.grad!);
    }

    [Fact]
    public void Frozen_weights_keep_nothing_of_the_input()
    {
        // The input is changed behind autograd's back: had it been kept, the backward pass would refuse to run.
        using var scope = NewDisposeScope();
        var (layer, input) = Made([3, 20, 96]);
        Freeze(layer);
        var leaf = input.clone().requires_grad_();
        var hidden = leaf.mul(ones(1));
        var output = LinearProduct.Of(layer, hidden);
        hidden.zero_();

        output.sum().backward();

        Close(layer.weight.sum([0L]).expand(3, 20, 96), leaf.grad!);
    }

    [Fact]
    public void Weights_changed_before_the_backward_pass_are_an_error()
    {
        using var scope = NewDisposeScope();
        var (layer, input) = Made([3, 20, 96]);
        Freeze(layer);
        var leaf = input.clone().requires_grad_();
        var output = LinearProduct.Of(layer, leaf);
        using (no_grad()) layer.weight.zero_();

        output.sum().backward();

        Assert.True(leaf.grad!.isnan().all().item<bool>()); // whoever does not ask for the error learns nothing wrong either
        Assert.Contains("modified by an inplace operation", Assert.ThrowsAny<Exception>(BackwardFailure.Rethrow).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_layer_that_someone_listens_to_is_called()
    {
        using var scope = NewDisposeScope();
        var (layer, input) = Made([16, 512, 96]);
        var heard = 0;
        var hook = layer.register_forward_hook((_, _, output) =>
        {
            heard++;
            return output;
        });

        LinearProduct.Call(layer, input);
        Assert.Equal(1, heard);
        Assert.False(LinearProduct.IsFaster(layer, input, knownHooks: 0));

        hook.remove();
        LinearProduct.Call(layer, input);
        Assert.Equal(1, heard);
    }

    [Fact]
    public void Hooks_of_all_four_kinds_are_counted()
    {
        using var layer = nn.Linear(2, 2);
        Assert.Equal(0, ForwardHooks.On(layer));

        layer.register_forward_hook((_, _, output) => output);
        layer.register_forward_pre_hook((_, input) => input);
        layer.register_forward_hook(_ => { });
        layer.register_forward_pre_hook(_ => { });

        Assert.Equal(4, ForwardHooks.On(layer));
    }

    [Fact]
    public void Memory_of_a_step_does_not_grow()
    {
        using var outer = NewDisposeScope();
        var (layer, input) = Made([3, 20, 96]);
        Freeze(layer);
        long Alive()
        {
            using (NewDisposeScope())
            {
                for (var i = 0; i < 20; i++)
                {
                    using var leaf = input.clone().requires_grad_();
                    using var output = LinearProduct.Of(layer, leaf);
                    using var sum = output.sum();
                    sum.backward();
                }

                return DisposeScopeManager.Statistics.ThreadTotalLiveCount;
            }
        }

        var first = Alive();
        Assert.Equal(first, Alive());
    }

    private static (Linear Layer, Tensor Input) Made(long[] shape)
    {
        using var generator = new Generator(7);
        return (nn.Linear(new Parameter(rand(48, 96, generator: generator).sub(.5)), new Parameter(rand(48, generator: generator))), rand(shape, generator: generator).sub(.5));
    }

    private static void Freeze(Linear layer)
    {
        foreach (var parameter in layer.parameters()) parameter.requires_grad = false;
    }

    private static void Close(Tensor expected, Tensor actual)
    {
        Assert.Equal(expected.shape, actual.shape);
        var scale = expected.abs().max().item<float>();
        Assert.InRange(expected.sub(actual).abs().max().item<float>(), 0, Tolerance * scale);
    }
}

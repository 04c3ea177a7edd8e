using System.Reflection;
using static TorchSharp.torch;

namespace MedPeft.Lora.Common;

/// <summary>A product with frozen weights that keeps nothing of its input: a convolution by itself would keep all of it, for a gradient of the weights that nobody asks for.</summary>
internal sealed class FrozenProduct : autograd.SingleTensorFunction<FrozenProduct>
{
    private const string InputShape = "shape";

    private static readonly FieldInfo? NodeOf = typeof(autograd.AutogradContext).GetField("_node", BindingFlags.Instance | BindingFlags.NonPublic);

    // What TorchSharp leaves to the garbage collector: activations and gradients would stay for the whole step.
    [ThreadStatic] private static (autograd.AutogradContext Context, Tensor Output)? _made;
    [ThreadStatic] private static Tensor? _given;

    /// <inheritdoc/>
    public override string Name => nameof(FrozenProduct);

    /// <param name="input">[..., in]; requires a gradient.</param>
    /// <param name="weight">[out, in], frozen.</param>
    /// <param name="bias">[out], frozen; or none.</param>
    /// <returns>[..., out], caller owns.</returns>
    public static Tensor Of(Tensor input, Tensor weight, Tensor? bias)
    {
        BackwardFailure.Rethrow();
        Release();
        try
        {
            var output = apply(input, new Frozen(weight, bias));
            ForgetShape(_made!.Value.Context);
            return output;
        }
        finally
        {
            _made?.Output.Dispose();
            _made = null;
        }
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (input, frozen) = ((Tensor)vars[0], (Frozen)vars[1]);
        ctx.save_for_backward([frozen.Weight]);
        ctx.save_data(InputShape, input.shape);
        using var product = LinearProduct.Forward(input, frozen.Weight, frozen.Bias);
        var output = product.detach(); // no view, so that an adapter may add to it in place
        _made = (ctx, output);
        return output;
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        Release();
        if (grad_output.IsInvalid) return [null!, null!];
        try
        {
            var saved = ctx.get_saved_variables();
            using var weight = saved[0];
            _given = LinearProduct.Backward(grad_output, weight);
            grad_output.Dispose();
        }
        catch (Exception error)
        {
            // Whoever does not ask for the error must not take a step either.
            BackwardFailure.KeepHere(error);
            using var nan = tensor([float.NaN]);
            _given = nan.expand((long[])ctx.get_data(InputShape));
        }

        return [_given!, null!];
    }

    // Native code has taken what the backward pass before this one gave, or that pass is over.
    private static void Release()
    {
        _given?.Dispose();
        _given = null;
    }

    // TorchSharp keeps an empty tensor of the output's size to make zeros of where no gradient comes; none is needed then.
    private static void ForgetShape(autograd.AutogradContext context)
    {
        var node = NodeOf?.GetValue(context);
        if (node?.GetType().GetField("_outputCache", BindingFlags.Instance | BindingFlags.NonPublic)?.GetValue(node) is not List<Tensor> shapes) return;
        for (var i = 0; i < shapes.Count; i++)
        {
            shapes[i]?.Dispose();
            shapes[i] = null!;
        }
    }

    private sealed record Frozen(Tensor Weight, Tensor? Bias);
}

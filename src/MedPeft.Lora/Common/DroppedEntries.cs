using static TorchSharp.torch;

namespace MedPeft.Lora.Common;

/// <summary>Dropout that keeps the seed of its mask for the gradient instead of the mask.</summary>
internal sealed class DroppedEntries : autograd.SingleTensorFunction<DroppedEntries>
{
    private const string Probability = "probability", Seed = "seed";

    /// <inheritdoc/>
    public override string Name => nameof(DroppedEntries);

    /// <param name="input">Any shape, on the CPU.</param>
    /// <param name="probability">Of an entry to be dropped.</param>
    /// <param name="seed">Of the mask.</param>
    /// <returns>Of the input's shape and type, caller owns.</returns>
    public static Tensor Of(Tensor input, double probability, ulong seed)
    {
        BackwardFailure.Rethrow();
        return apply(input, probability, seed);
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        ctx.save_data(Probability, vars[1]);
        ctx.save_data(Seed, vars[2]);
        using var none = no_grad();
        return DropoutMask.Apply((Tensor)vars[0], (double)vars[1], (ulong)vars[2]);
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        try
        {
            return [DropoutMask.Apply(grad_output, (double)ctx.get_data(Probability), (ulong)ctx.get_data(Seed)), null!, null!];
        }
        catch (Exception error)
        {
            BackwardFailure.Keep(error);
            return [grad_output.alias(), null!, null!];
        }
    }
}

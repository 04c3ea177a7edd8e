using static TorchSharp.torch;

namespace MedPeft.Lora.Common;

/// <summary>Adds a tensor to some rows of another. torch's index_add does the same, but keeps what was added for as long as the gradient is to come, and never reads it.</summary>
internal sealed class RowSum : autograd.SingleTensorFunction<RowSum>
{
    private const string Factor = "factor";

    /// <inheritdoc/>
    public override string Name => nameof(RowSum);

    /// <summary>A copy of a in which factor · source is added to the rows that an index names.</summary>
    /// <param name="a">[B, ...].</param>
    /// <param name="index">[S] of int64, each row at most once.</param>
    /// <param name="source">[S, ...].</param>
    /// <param name="factor">Of what is added.</param>
    /// <returns>[B, ...], caller owns.</returns>
    public static Tensor Of(Tensor a, Tensor index, Tensor source, double factor)
    {
        if (!is_grad_enabled() || !(a.requires_grad || source.requires_grad)) return a.PlusRows(index, source, factor);
        BackwardFailure.Rethrow();
        return apply(a, index, source, factor);
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (a, index, source, factor) = ((Tensor)vars[0], (Tensor)vars[1], (Tensor)vars[2], (double)vars[3]);
        ctx.save_for_backward([index]);
        ctx.save_data(Factor, factor);
        using var none = no_grad();
        return a.PlusRows(index, source, factor);
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        var saved = ctx.get_saved_variables();
        try
        {
            return [grad_output.alias(), null!, grad_output.index_select(0, saved[0]).TimesInPlace((double)ctx.get_data(Factor)), null!];
        }
        catch (Exception error)
        {
            BackwardFailure.Keep(error);
            return [grad_output.alias(), null!, null!, null!];
        }
        finally
        {
            foreach (var tensor in saved) tensor.Dispose();
        }
    }
}

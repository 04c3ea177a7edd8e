using static TorchSharp.torch;

namespace MedPeft.Lora;

public abstract partial class LoraLayer
{
    /// <summary>How many updates of rank r the layer has: one, one for each adapted block, or one for each group of a convolution.</summary>
    internal virtual int Groups => 1;

    /// <summary>Where each group's rows start in the output and how many there are; null where groups are no ranges of a linear layer's rows.</summary>
    internal virtual IReadOnlyList<(long Start, long Rows)>? Ranges => null;

    /// <summary>A change of the weight as one matrix for each group, [G, rows, columns]; the rest of the weight is left out.</summary>
    internal abstract Tensor Grouped(Tensor dense);

    /// <summary>The factors of each group, [G, r, columns] and [G, rows, r], with what the update started at behind them and without the scale; caller owns.</summary>
    internal (Tensor A, Tensor B) Factors()
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var (a, b) = (A.detach().reshape(Groups, Rank, -1), B.detach().reshape(Groups, -1, Rank));
        if (Origin is { } origin)
        {
            a = cat([a, origin.A.detach().reshape(Groups, Rank, -1)], 1);
            b = cat([b, origin.B.detach().reshape(Groups, -1, Rank).neg()], 2);
        }
        return (a.clone().MoveToOuterDisposeScope(), b.clone().MoveToOuterDisposeScope());
    }

    /// <summary>Sets the factors of each group.</summary>
    internal void Set(Tensor a, Tensor b)
    {
        using var none = no_grad();
        using Tensor ownA = a.reshape(A.shape), ownB = b.reshape(B.shape);
        A.copy_(ownA);
        B.copy_(ownB);
    }

    /// <summary>The change of the weight in float64, caller owns.</summary>
    internal Tensor Dense()
    {
        using var none = no_grad();
        return ExactDelta();
    }
}

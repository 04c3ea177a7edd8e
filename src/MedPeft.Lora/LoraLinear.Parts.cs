using MedPeft.Lora.Common;
using MedPeft.Lora.Injection.Routing;
using static TorchSharp.torch;

namespace MedPeft.Lora;

public sealed partial class LoraLinear
{
    internal override int Groups => _starts.Length;

    internal override IReadOnlyList<(long Start, long Rows)> Ranges => [.. _starts.Select(start => (start, _rows))];

    internal override Tensor Grouped(Tensor dense)
    {
        using var scope = NewDisposeScope();
        return stack([.. _starts.Select(start => dense.narrow(0, start, _rows))], 0).MoveToOuterDisposeScope();
    }

    /// <summary>The update as plain factors of each adapted range of rows, the scale and what it started at in them; caller owns.</summary>
    /// <param name="type">The type to give them in.</param>
    internal IReadOnlyList<RowUpdate> Parts(ScalarType type)
    {
        using var none = no_grad();
        return [.. Enumerable.Range(0, _starts.Length).Select(g =>
        {
            using var scope = NewDisposeScope();
            var (a, b) = Pair(A, B);
            if (Origin is { } origin)
            {
                var (firstA, firstB) = Pair(origin.A, origin.B);
                (a, b) = (cat([a, firstA], 0), cat([b, firstB.neg()], 1));
            }
            var factor = Magnitude is null ? null : Dora.Factor(Magnitude.narrow(0, g * _rows, _rows), Original.narrow(0, _starts[g], _rows), Product(g, AdapterType(Weight)));
            if (factor is not null) b = b.mul(factor.unsqueeze(1));
            return new RowUpdate(_starts[g], _rows, a.to(type).MoveToOuterDisposeScope(), b.to(type).MoveToOuterDisposeScope(), factor?.MoveToOuterDisposeScope());

            (Tensor A, Tensor B) Pair(Tensor readers, Tensor writers) => (readers.narrow(0, g * Rank, Rank), writers.narrow(0, g * _rows, _rows).Times(Scale));
        })];
    }
}

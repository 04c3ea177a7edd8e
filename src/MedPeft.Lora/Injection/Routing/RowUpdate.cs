using static TorchSharp.torch;

namespace MedPeft.Lora.Injection.Routing;

/// <summary>The update of a range of a linear layer's rows: y = f · (Wx) + b + BAx, with f = 1 without DoRA.</summary>
/// <param name="Start">The first row.</param>
/// <param name="Rows">How many.</param>
/// <param name="A">[r, in].</param>
/// <param name="B">[rows, r], with the scale and f in it.</param>
/// <param name="Factor">f, [rows]; null without DoRA.</param>
internal sealed record RowUpdate(long Start, long Rows, Tensor A, Tensor B, Tensor? Factor) : IDisposable
{
    public void Dispose()
    {
        A.Dispose();
        B.Dispose();
        Factor?.Dispose();
    }
}

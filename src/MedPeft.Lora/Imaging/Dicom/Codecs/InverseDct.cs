using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace MedPeft.Lora.Imaging.Dicom.Codecs;

/// <summary>The inverse cosine transform of an 8x8 block: ISO 10918-1 §A.3.3, as two products with the 8x8 matrix of cosines.</summary>
/// <remarks>Products and sums are rounded one by one (no fused multiply-add), so that every machine gives the same pixels.</remarks>
internal static class InverseDct
{
    /// <summary>[frequency, place]: C(u)/2 cos((2x+1)uπ/16).</summary>
    private static readonly float[] Cosines = Make();

    /// <summary>Coefficients [v, u] become samples [y, x], in place.</summary>
    public static void Transform(Span<float> block)
    {
        // Along the rows first: for each v, the eight x at once.
        var cosines = MemoryMarshal.Cast<float, Vector256<float>>(Cosines.AsSpan());
        var rows = MemoryMarshal.Cast<float, Vector256<float>>(block);
        for (var v = 0; v < 8; v++)
        {
            var sum = Vector256<float>.Zero;
            for (var u = 0; u < 8; u++) sum += Vector256.Create(block[(8 * v) + u]) * cosines[u];
            rows[v] = sum;
        }

        // Then along the columns, eight columns at once.
        Span<Vector256<float>> result = stackalloc Vector256<float>[8];
        for (var y = 0; y < 8; y++)
        {
            var sum = Vector256<float>.Zero;
            for (var v = 0; v < 8; v++) sum += Vector256.Create(Cosines[(8 * v) + y]) * rows[v];
            result[y] = sum;
        }

        result.CopyTo(rows);
    }

    private static float[] Make()
    {
        var table = new float[64];
        for (var u = 0; u < 8; u++)
        {
            for (var x = 0; x < 8; x++) table[(8 * u) + x] = (float)((u == 0 ? Math.Sqrt(0.125) : 0.5) * Math.Cos(((2 * x) + 1) * u * Math.PI / 16));
        }

        return table;
    }
}

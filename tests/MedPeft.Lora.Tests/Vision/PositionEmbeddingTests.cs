using MedPeft.Lora.Vision;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Vision;

public class PositionEmbeddingTests
{
    [Fact]
    public void Sines_and_cosines_follow_the_formula_column_first()
    {
        using var table = PositionEmbedding.SinCos(8, rows: 2, columns: 3);

        Assert.Equal([1, 7, 8], table.shape);
        Assert.All(table[0, 0].data<float>().ToArray(), value => Assert.Equal(0, value));
        var token = table[0, 1 + 1 * 3 + 2].data<float>().ToArray(); // row 1, column 2
        float[] expected = [
            MathF.Sin(2), MathF.Sin(2 / 100f), MathF.Cos(2), MathF.Cos(2 / 100f),
            MathF.Sin(1), MathF.Sin(1 / 100f), MathF.Cos(1), MathF.Cos(1 / 100f)];
        for (var i = 0; i < 8; i++) Assert.Equal(expected[i], token[i], 6);
    }

    [Fact]
    public void The_same_grid_is_copied_bit_for_bit()
    {
        using var table = randn(1, 17, 12);
        using var fitted = PositionEmbedding.Interpolate(table, 1, 4, 4);

        TensorAssert.Same(table, fitted, "positions");
        Assert.NotEqual(table.Handle, fitted.Handle);
    }

    [Fact]
    public void Another_grid_is_bicubic_and_leaves_the_prefix()
    {
        using var table = randn(1, 2 + 9, 5);
        using var fitted = PositionEmbedding.Interpolate(table, 2, 6, 4);

        Assert.Equal([1, 26, 5], fitted.shape);
        TensorAssert.Same(table.narrow(1, 0, 2), fitted.narrow(1, 0, 2), "prefix");
        for (var channel = 0; channel < 5; channel++)
        {
            for (var y = 0; y < 6; y++)
                for (var x = 0; x < 4; x++) Assert.Equal(Bicubic(table, channel, (y + .5) / 2 - .5, (x + .5) * .75 - .5), fitted[0, 2 + y * 4 + x, channel].item<float>(), tolerance: 1e-5f);
        }
    }

    [Fact]
    public void Tokens_that_form_no_square_are_refused()
    {
        using var table = zeros(1, 12, 4);

        Assert.Equal(
            "12 position embeddings less 1 prefix token(s) leave 11, which is no square grid. (Parameter 'embedding')",
            Assert.Throws<ArgumentException>(() => PositionEmbedding.Interpolate(table, 1, 4, 4)).Message);
    }

    // The cubic convolution kernel with a = -0.75 (PyTorch's), edges repeated, written out from its definition.
    private static float Bicubic(Tensor table, int channel, double y, double x)
    {
        static double Kernel(double t) => (t = Math.Abs(t)) switch
        {
            <= 1 => (1.25 * t - 2.25) * t * t + 1,
            < 2 => ((-.75 * t + 3.75) * t - 6) * t + 3,
            _ => 0,
        };
        var (y0, x0, sum) = ((int)Math.Floor(y), (int)Math.Floor(x), 0.0);
        for (var j = y0 - 1; j <= y0 + 2; j++)
        {
            for (var i = x0 - 1; i <= x0 + 2; i++)
                sum += Kernel(y - j) * Kernel(x - i) * table[0, 2 + Math.Clamp(j, 0, 2) * 3 + Math.Clamp(i, 0, 2), channel].item<float>();
        }

        return (float)sum;
    }
}

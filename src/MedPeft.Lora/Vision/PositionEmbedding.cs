using static TorchSharp.torch;

namespace MedPeft.Lora.Vision;

/// <summary>Position embeddings of vision transformers: the fixed ones, and the fitting of trained ones to another grid.</summary>
public static class PositionEmbedding
{
    /// <summary>Two-dimensional sine-cosine embeddings: the first half of the channels encodes the column, the second the row (He et al. 2022, MAE).</summary>
    /// <param name="embedDim">Channels (C), a multiple of 4.</param>
    /// <param name="rows">Patch rows.</param>
    /// <param name="columns">Patch columns.</param>
    /// <param name="prefixTokens">Tokens before the patches (the class token), embedded as zeros.</param>
    /// <returns>[1, prefixTokens + rows·columns, C], float32, caller owns.</returns>
    /// <exception cref="ArgumentException"><paramref name="embedDim"/> is not a multiple of 4.</exception>
    public static Tensor SinCos(int embedDim, int rows, int columns, int prefixTokens = 1)
    {
        if (embedDim <= 0 || embedDim % 4 != 0) throw new ArgumentException($"Sine-cosine positions need a multiple of 4 channels; found {embedDim}.", nameof(embedDim));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rows);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(columns);
        ArgumentOutOfRangeException.ThrowIfNegative(prefixTokens);
        var values = new float[(prefixTokens + rows * columns) * embedDim];
        var quarter = embedDim / 4;
        for (var row = 0; row < rows; row++)
        {
            for (var column = 0; column < columns; column++)
            {
                var token = values.AsSpan((prefixTokens + row * columns + column) * embedDim, embedDim);
                for (var i = 0; i < quarter; i++)
                {
                    var frequency = 1 / Math.Pow(10000, (double)i / quarter);
                    (token[i], token[quarter + i]) = ((float)Math.Sin(column * frequency), (float)Math.Cos(column * frequency));
                    (token[2 * quarter + i], token[3 * quarter + i]) = ((float)Math.Sin(row * frequency), (float)Math.Cos(row * frequency));
                }
            }
        }

        return tensor(values, [1, prefixTokens + rows * columns, embedDim]);
    }

    /// <summary>Fits trained embeddings to another grid by bicubic interpolation; the prefix tokens stay as they are.</summary>
    /// <param name="embedding">[1, prefixTokens + g·g, C] for a square grid of g·g patches.</param>
    /// <param name="prefixTokens">Tokens before the patches.</param>
    /// <param name="rows">Patch rows wanted.</param>
    /// <param name="columns">Patch columns wanted.</param>
    /// <param name="antialias">Smooth before shrinking (timm does, MAE and DINOv2 do not). Default false.</param>
    /// <returns>[1, prefixTokens + rows·columns, C], caller owns; a copy where the grid is the same.</returns>
    /// <exception cref="ArgumentException">The tokens do not form a square grid.</exception>
    public static Tensor Interpolate(Tensor embedding, int prefixTokens, int rows, int columns, bool antialias = false)
    {
        ArgumentNullException.ThrowIfNull(embedding);
        if (embedding.dim() != 3 || embedding.shape[0] != 1)
            throw new ArgumentException($"Position embeddings are [1, tokens, channels]; found [{string.Join(", ", embedding.shape)}].", nameof(embedding));
        var patches = embedding.shape[1] - prefixTokens;
        var grid = (long)Math.Round(Math.Sqrt(Math.Max(0, patches)));
        if (patches < 1 || grid * grid != patches)
            throw new ArgumentException($"{embedding.shape[1]} position embeddings less {prefixTokens} prefix token(s) leave {patches}, which is no square grid.", nameof(embedding));
        using var guard = no_grad();
        if (grid == rows && grid == columns) return embedding.detach().clone().DetachFromDisposeScope();
        using var scope = NewDisposeScope();
        var channels = embedding.shape[2];
        var prefix = embedding.narrow(1, 0, prefixTokens);
        var image = embedding.narrow(1, prefixTokens, patches).to(float32).reshape(1, grid, grid, channels).permute(0, 3, 1, 2); // [1, C, g, g]
        var fitted = nn.functional.interpolate(image, size: [rows, columns], mode: InterpolationMode.Bicubic, align_corners: false, antialias: antialias);
        var tokens = fitted.permute(0, 2, 3, 1).reshape(1, rows * columns, channels).to(embedding.dtype); // [1, rows·columns, C]
        return cat([prefix, tokens], 1).detach().DetachFromDisposeScope();
    }
}

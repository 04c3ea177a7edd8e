using MedPeft.Lora.Common;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace MedPeft.Lora.Vision;

/// <summary>One pre-norm transformer block: x + attention(norm1(x)), then x + mlp(norm2(x)), each branch under stochastic depth.</summary>
internal sealed class VisionBlock : nn.Module<Tensor, Tensor>
{
    private readonly double _dropPath;

    [ComponentName(Name = "norm1")]
    private readonly nn.Module<Tensor, Tensor> _norm1;

    [ComponentName(Name = "attn")]
    private readonly nn.Module<Tensor, Tensor> _attention;

    [ComponentName(Name = "ls1")]
    private readonly nn.Module<Tensor, Tensor>? _scale1;

    [ComponentName(Name = "norm2")]
    private readonly nn.Module<Tensor, Tensor> _norm2;

    [ComponentName(Name = "mlp")]
    private readonly nn.Module<Tensor, Tensor> _mlp;

    [ComponentName(Name = "ls2")]
    private readonly nn.Module<Tensor, Tensor>? _scale2;

    public VisionBlock(
        int embedDim, int heads, double mlpRatio, double layerNormEps, Func<long, long, nn.Module<Tensor, Tensor>> linear, double dropPath = 0, double? layerScale = null)
        : base(nameof(VisionBlock))
    {
        _dropPath = dropPath;
        _norm1 = nn.LayerNorm(embedDim, layerNormEps);
        _attention = new Attention(embedDim, heads, linear);
        _norm2 = nn.LayerNorm(embedDim, layerNormEps);
        _mlp = new Mlp(embedDim, (int)(embedDim * mlpRatio), linear);
        if (layerScale is { } initial) (_scale1, _scale2) = (new LayerScale(embedDim, initial), new LayerScale(embedDim, initial));
        RegisterComponents();
    }

    /// <param name="tokens">[B, N, C].</param>
    /// <returns>[B, N, C].</returns>
    public override Tensor forward(Tensor tokens)
    {
        using var attended = Residual(tokens, _norm1, _attention, _scale1);
        return Residual(attended, _norm2, _mlp, _scale2);
    }

    /// <summary>The pass of <see cref="forward"/> in evaluation mode, looked at on its way.</summary>
    /// <param name="tokens">[B, N, C].</param>
    /// <param name="seen">Is shown who attends to whom, [B, H, N, N].</param>
    /// <param name="normed">Is given the tokens behind the first norm, [B, N, C], and returns those to go on with, which it keeps; null leaves them.</param>
    /// <returns>[B, N, C].</returns>
    internal Tensor Watch(Tensor tokens, Action<Tensor>? seen, Func<Tensor, Tensor>? normed)
    {
        using var first = _norm1.call(tokens);
        using var branch = Scaled(((Attention)_attention).Run(normed is null ? first : normed(first), seen), _scale1);
        using var attended = tokens.Plus(branch);
        return Residual(attended, _norm2, _mlp, _scale2);
    }

    private Tensor Residual(Tensor tokens, nn.Module<Tensor, Tensor> norm, nn.Module<Tensor, Tensor> layer, nn.Module<Tensor, Tensor>? scale)
    {
        if (!training || _dropPath == 0)
        {
            using var branch = Branch(tokens, norm, layer, scale);
            return tokens.Plus(branch);
        }

        // Stochastic depth, per sample: a dropped branch is not computed at all; a kept one is scaled so that the expectation stays.
        var kept = Kept(tokens.shape[0]);
        if (kept.Length == 0) return tokens.alias();
        using var index = kept.Length == tokens.shape[0] ? null : tensor(kept, device: tokens.device);
        using var input = index is null ? tokens.alias() : tokens.index_select(0, index);
        using var branched = Branch(input, norm, layer, scale);
        using var spread = index is null ? branched.alias() : Spread(branched, kept, tokens.shape[0]);
        using var output = spread.to(tokens.dtype); // the branch may compute in half precision beside a float32 residual stream
        return tokens.Plus(output, 1 / (1 - _dropPath));
    }

    /// <summary>A row of zeros where a sample was dropped. index_add would add the rows as they are, but keeps them all for a gradient that never reads them.</summary>
    private static Tensor Spread(Tensor rows, long[] kept, long samples)
    {
        var places = new long[samples];
        Array.Fill(places, kept.Length);
        for (var i = 0; i < kept.Length; i++) places[kept[i]] = i;
        using Tensor index = tensor(places, device: rows.device), none = zeros([1, .. rows.shape[1..]], rows.dtype, rows.device);
        using var all = cat([rows, none], 0);
        return all.index_select(0, index);
    }

    private long[] Kept(long samples)
    {
        using var draws = rand(samples, ScalarType.Float64, CPU);
        var values = draws.data<double>().ToArray();
        return [.. Enumerable.Range(0, values.Length).Where(i => values[i] >= _dropPath).Select(i => (long)i)];
    }

    private static Tensor Branch(Tensor tokens, nn.Module<Tensor, Tensor> norm, nn.Module<Tensor, Tensor> layer, nn.Module<Tensor, Tensor>? scale)
    {
        using var normed = norm.call(tokens);
        return Scaled(layer.call(normed), scale);
    }

    private static Tensor Scaled(Tensor output, nn.Module<Tensor, Tensor>? scale)
    {
        if (scale is null) return output;
        using (output) return scale.call(output);
    }
}

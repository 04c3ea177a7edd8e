using MedPeft.Lora.Common;
using TorchSharp.Modules;
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
        using var attended = Residual(tokens, _norm1, _attention.call, _scale1);
        return Residual(attended, _norm2, _mlp.call, _scale2);
    }

    /// <summary>Whether nobody listens to what <see cref="Mean"/> and <see cref="ClassToken"/> leave out.</summary>
    /// <remarks>Goes by what the parts are, as an adapter hides listeners of its own, and has some of the library's for one pass: a resumed run must not differ from the one that was not stopped.</remarks>
    internal bool Pools => _norm1 is LayerNorm && _norm2 is LayerNorm && _scale2 is null or LayerScale && _mlp is Mlp { MeanCommutes: true }
        && ForwardHooks.On(this) == 0 && ForwardHooks.On(_norm2) == 0 && (_scale2 is null || ForwardHooks.On(_scale2) == 0);

    /// <summary>The mean over tokens of what <see cref="forward"/> gives.</summary>
    /// <param name="tokens">[B, N, C].</param>
    /// <param name="mean">Of the tokens that count, [B, N, any] to [B, any].</param>
    /// <returns>[B, C].</returns>
    internal Tensor Mean(Tensor tokens, Func<Tensor, Tensor> mean)
    {
        using Tensor attended = Residual(tokens, _norm1, _attention.call, _scale1), pooled = mean(attended);
        return Residual(attended, _norm2, normed => ((Mlp)_mlp).Mean(normed, mean), _scale2, pooled);
    }

    /// <summary>The class token of what <see cref="forward"/> gives: behind the attention no token reads another.</summary>
    /// <param name="tokens">[B, N, C].</param>
    /// <returns>[B, 1, C].</returns>
    internal Tensor ClassToken(Tensor tokens)
    {
        using Tensor attended = Residual(tokens, _norm1, _attention.call, _scale1), first = attended.narrow(1, 0, 1);
        return Residual(first, _norm2, _mlp.call, _scale2);
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
        return Residual(attended, _norm2, _mlp.call, _scale2);
    }

    /// <summary>What the tokens become with a branch on top.</summary>
    /// <param name="tokens">[B, N, C].</param>
    /// <param name="norm">Before the branch.</param>
    /// <param name="layer">The branch.</param>
    /// <param name="scale">Behind it, where there is one.</param>
    /// <param name="pooled">What the branch is added to, [B, C], where it gives as much; null adds it to the tokens.</param>
    private Tensor Residual(Tensor tokens, nn.Module<Tensor, Tensor> norm, Func<Tensor, Tensor> layer, nn.Module<Tensor, Tensor>? scale, Tensor? pooled = null)
    {
        var stream = pooled ?? tokens;
        if (!training || _dropPath == 0)
        {
            using var branch = Branch(tokens, norm, layer, scale);
            return stream.Plus(branch);
        }

        // Stochastic depth, per sample: a dropped branch is not computed at all; a kept one is scaled so that the expectation stays.
        var kept = Kept(tokens.shape[0]);
        if (kept.Length == 0) return stream.alias();
        using var index = kept.Length == tokens.shape[0] ? null : tensor(kept, device: tokens.device);
        using var input = index is null ? tokens.alias() : tokens.index_select(0, index);
        using var branched = Branch(input, norm, layer, scale);
        using var spread = index is null ? branched.alias() : Spread(branched, kept, tokens.shape[0]);
        using var output = spread.to(stream.dtype); // the branch may compute in half precision beside a float32 residual stream
        return stream.Plus(output, 1 / (1 - _dropPath));
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

    private static Tensor Branch(Tensor tokens, nn.Module<Tensor, Tensor> norm, Func<Tensor, Tensor> layer, nn.Module<Tensor, Tensor>? scale)
    {
        using var normed = norm.call(tokens);
        return Scaled(layer(normed), scale);
    }

    private static Tensor Scaled(Tensor output, nn.Module<Tensor, Tensor>? scale)
    {
        if (scale is null) return output;
        using (output) return scale.call(output);
    }
}

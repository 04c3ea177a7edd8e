using MedPeft.Lora.Common;
using TorchSharp;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace MedPeft.Lora.Vision;

/// <summary>Multi-head self-attention with one fused projection for queries, keys and values (Vaswani et al. 2017, §3.2.2; timm's layout).</summary>
internal sealed class Attention : nn.Module<Tensor, Tensor>
{
    private readonly int _heads;

    [ComponentName(Name = "qkv")]
    private readonly nn.Module<Tensor, Tensor> _qkv;

    [ComponentName(Name = "proj")]
    private readonly nn.Module<Tensor, Tensor> _projection;

    public Attention(int embedDim, int heads, Func<long, long, nn.Module<Tensor, Tensor>> linear)
        : base(nameof(Attention))
    {
        _heads = heads;
        _qkv = linear(embedDim, 3 * embedDim);
        _projection = linear(embedDim, embedDim);
        RegisterComponents();
    }

    /// <param name="tokens">[B, N, C].</param>
    /// <returns>[B, N, C].</returns>
    public override Tensor forward(Tensor tokens) => Run(tokens, null);

    /// <param name="tokens">[B, N, C].</param>
    /// <param name="seen">Is shown who attends to whom, [B, H, N, N], rows summing to 1; null takes the fast path, which never forms it.</param>
    /// <returns>[B, N, C].</returns>
    internal Tensor Run(Tensor tokens, Action<Tensor>? seen)
    {
        var (B, N, C) = (tokens.shape[0], tokens.shape[1], tokens.shape[2]);
        using var fused = LinearProduct.Call(_qkv, tokens); // [B, N, 3·C]
        using var heads = fused.view(B, N, 3, _heads, C / _heads);
        using var split = heads.permute(2, 0, 3, 1, 4); // [3, B, H, N, D]
        using Tensor q = split.select(0, 0), k = split.select(0, 1), v = split.select(0, 2); // [B, H, N, D]
        using var attended = seen is null ? Attend(q, k, v) : AttendByProducts(q, k, v, seen); // [B, H, N, D]
        using var joined = attended.transpose(1, 2); // [B, N, H, D]
        using var flat = joined.reshape(B, N, C);
        return LinearProduct.Call(_projection, flat);
    }

    private static Tensor Attend(Tensor q, Tensor k, Tensor v)
    {
        // Measured: on CPUs the fused kernel is slower than plain products in bfloat16, and faster in float32.
        if (q.dtype != ScalarType.BFloat16 || q.device_type != DeviceType.CPU) return nn.functional.scaled_dot_product_attention(q, k, v);
        return AttendByProducts(q, k, v, null);
    }

    private static Tensor AttendByProducts(Tensor q, Tensor k, Tensor v, Action<Tensor>? seen)
    {
        var (B, H, N, D) = (q.shape[0], q.shape[1], q.shape[2], q.shape[3]);
        using var scaled = q.Times(1 / Math.Sqrt(D));
        using Tensor q3 = scaled.reshape(B * H, N, D), k3 = k.reshape(B * H, N, D), v3 = v.reshape(B * H, N, D);
        using var transposed = k3.transpose(1, 2);
        using var scores = bmm(q3, transposed); // [B·H, N, N]
        using var weights = scores.softmax(-1);
        if (seen is not null)
        {
            using var perHead = weights.view(B, H, N, N);
            seen(perHead);
        }

        using var mixed = bmm(weights, v3);
        return mixed.view(B, H, N, D);
    }
}

using MedPeft.Lora.Common;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace MedPeft.Lora.Vision;

/// <summary>The feed-forward half of a block: fc1, exact GELU, fc2.</summary>
internal sealed class Mlp : nn.Module<Tensor, Tensor>
{
    [ComponentName(Name = "fc1")]
    private readonly nn.Module<Tensor, Tensor> _fc1;

    [ComponentName(Name = "fc2")]
    private readonly nn.Module<Tensor, Tensor> _fc2;

    public Mlp(int embedDim, int hidden, Func<long, long, nn.Module<Tensor, Tensor>> linear)
        : base(nameof(Mlp))
    {
        _fc1 = linear(embedDim, hidden);
        _fc2 = linear(hidden, embedDim);
        RegisterComponents();
    }

    /// <param name="tokens">[B, N, C].</param>
    /// <returns>[B, N, C].</returns>
    public override Tensor forward(Tensor tokens)
    {
        using var active = Active(tokens);
        return LinearProduct.Call(_fc2, active);
    }

    /// <summary>Whether <see cref="Mean"/> may stand for the mean of a call: both layers are as they were made, and nobody listens to any part of it.</summary>
    internal bool MeanCommutes => _fc1 is Linear && _fc2 is Linear && ForwardHooks.On(this) == 0 && ForwardHooks.On(_fc1) == 0 && ForwardHooks.On(_fc2) == 0;

    /// <summary>The mean over tokens of what <see cref="forward"/> gives: fc2 is linear, so it is taken before, where fc2 then has one row instead of N.</summary>
    /// <param name="tokens">[B, N, C].</param>
    /// <param name="mean">Of the tokens that count, [B, N, any] to [B, any].</param>
    /// <returns>[B, C].</returns>
    internal Tensor Mean(Tensor tokens, Func<Tensor, Tensor> mean)
    {
        using Tensor active = Active(tokens), pooled = mean(active);
        return LinearProduct.Call(_fc2, pooled);
    }

    private Tensor Active(Tensor tokens)
    {
        using var hidden = LinearProduct.Call(_fc1, tokens); // [B, N, 4·C]
        return nn.functional.gelu(hidden);
    }
}

using MedPeft.Lora.Common;
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
        using var hidden = LinearProduct.Call(_fc1, tokens); // [B, N, 4·C]
        using var active = nn.functional.gelu(hidden);
        return LinearProduct.Call(_fc2, active);
    }
}

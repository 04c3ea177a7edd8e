using MedPeft.Lora.Common;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace MedPeft.Lora.Vision;

/// <summary>A learned factor per channel on a residual branch (Touvron et al. 2021, CaiT, §2.1; used by DINOv2).</summary>
internal sealed class LayerScale : nn.Module<Tensor, Tensor>
{
    [ComponentName(Name = "gamma")]
    private readonly Parameter _gamma;

    public LayerScale(int embedDim, double initial)
        : base(nameof(LayerScale))
    {
        _gamma = Initialization.Own(ones(embedDim).TimesInPlace(initial));
        RegisterComponents();
    }

    /// <param name="branch">[B, N, C].</param>
    /// <returns>[B, N, C].</returns>
    public override Tensor forward(Tensor branch) => branch * _gamma;
}

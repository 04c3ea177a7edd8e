using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>SSF: the output of each adapted layer is scaled and shifted by two trained numbers a channel, which merge into the layer without a trace.</summary>
/// <remarks>
/// Lian et al. 2022, arXiv:2210.08823, §3.2: after every operation of a block, and after the patch embedding. They start at 1 and 0, so the model starts equal to the
/// old one (the paper's code draws them with a deviation of .02 around these). A layer without a bias has nowhere to merge a shift to, and is scaled only.
/// </remarks>
public sealed record SsfConfig : AdapterConfig
{
    /// <summary>Adapts all layers and norms of a vision transformer in timm's names: <c>qkv</c>, <c>proj</c> (the patch embedding's too), <c>fc1</c>, <c>fc2</c>, <c>norm1</c>, <c>norm2</c>.</summary>
    public SsfConfig() => Targets = ["qkv", "proj", "fc1", "fc2", "norm1", "norm2"];

    internal override string Kinds => "Linear, Conv2d, LayerNorm or BatchNorm2d";

    internal override string LayerType(nn.Module module) => nameof(SsfLayer);

    internal override bool CanAdapt(nn.Module module) => module is Linear or Conv2d or LayerNorm or BatchNorm2d;

    internal override string? Misfit(nn.Module module, string name)
    {
        if (module.get_parameter("weight") is not { } weight) return $"{name} is a {module.GetType().Name} without a weight, which has nothing to merge a scale into. Leave it out of Targets.";
        return module is LayerNorm && weight.dim() != 1
            ? $"{name} is a LayerNorm over {weight.dim()} dimensions; SSF has one scale a channel, the last dimension. Leave it out of Targets."
            : null;
    }

    internal override IReadOnlyList<(string Name, long[] Shape)> Shapes(nn.Module module)
    {
        long[] channels = [module.get_parameter("weight")!.shape[0]];
        return module.has_parameter("bias") ? [(SsfLayer.ScaleName, channels), (SsfLayer.ShiftName, channels)] : [(SsfLayer.ScaleName, channels)];
    }

    internal override AdapterLayer Adapt(nn.Module module, Generator generator) => new SsfLayer((nn.Module<Tensor, Tensor>)module, this);

    internal override LoraLayerInfo Info(string path, nn.Module module) => new(path, module.GetType().Name, 0, 0, 1, null, false, Added(module)) { Method = "SSF" };

    private protected override IEnumerable<string> Settings() => [];
}

using MedPeft.Lora.Injection;
using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>BitFit: the biases of the model are trained and nothing else, but for what <see cref="AdapterConfig.Trainable"/> names (the head).</summary>
/// <remarks>Ben Zaken et al. 2022, arXiv:2106.10199. Those of norms count as biases.</remarks>
public sealed record BitFitConfig : InFullConfig
{
    internal override TrainedInFull InFull(nn.Module root, IReadOnlyList<ModuleNode> tree)
    {
        var isKept = TargetSelection.IsKept(tree, this);
        return Demanded(new([], [.. root.named_parameters().Select(entry => entry.name).Where(name => ModulePath.Last(name) is "bias" or "in_proj_bias" && isKept(name))]), "no bias");
    }
}

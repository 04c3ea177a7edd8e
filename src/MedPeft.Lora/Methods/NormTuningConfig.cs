using MedPeft.Lora.Injection;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>Norm tuning: the scales and shifts of the normalisation layers are trained and nothing else, but for what <see cref="AdapterConfig.Trainable"/> names (the head).</summary>
/// <remarks>
/// Zhao et al. 2023, arXiv:2312.11420, for layer norms; group, batch and instance norms count as well, with their running statistics, which are saved along.
/// PEFT calls it LN_TUNING.
/// </remarks>
public sealed record NormTuningConfig : InFullConfig
{
    /// <summary>True for a normalisation layer with parameters.</summary>
    internal static bool IsNorm(nn.Module module) => module is LayerNorm or GroupNorm or NormBase && module.parameters().Any();

    internal override TrainedInFull InFull(nn.Module root, IReadOnlyList<ModuleNode> tree)
    {
        var isKept = TargetSelection.IsKept(tree, this);
        return Demanded(new([.. tree.Where(node => IsNorm(node.Module) && isKept(node.Path)).Select(node => node.Path)], []),
            "no normalisation layer with parameters");
    }
}

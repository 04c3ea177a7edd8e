using MedPeft.Lora.Injection;
using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>Full fine-tuning: every parameter that receives gradients when it is called goes on to, the fixed ones (sine-cosine positions) stay fixed.</summary>
/// <remarks>The baseline FFT of Lian et al. 2024, arXiv:2401.12215.</remarks>
public sealed record FullConfig : InFullConfig
{
    internal override TrainedInFull InFull(nn.Module root, IReadOnlyList<ModuleNode> tree)
    {
        var isKept = TargetSelection.IsKept(tree, this);
        var buffers = root.state_dict().Keys.Except(root.named_parameters().Select(entry => entry.name)); // running statistics move in training and belong to what is saved
        return Demanded(new([], [.. root.named_parameters().Where(entry => entry.parameter.requires_grad).Select(entry => entry.name).Where(isKept)]), "no parameter with gradients")
            .With(new([], [.. buffers.Where(isKept)]));
    }
}

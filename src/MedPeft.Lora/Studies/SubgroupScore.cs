namespace MedPeft.Lora.Studies;

/// <summary>How well the methods do in one group of test images.</summary>
/// <param name="Name">The group.</param>
/// <param name="Images">Its images.</param>
/// <param name="Labels">Labels that the mean is over: those with enough cases in every group.</param>
/// <param name="Auroc">Macro AUROC of each method, the mean of its seeds.</param>
public sealed record SubgroupScore(string Name, int Images, int Labels, IReadOnlyList<(string Method, double Auroc)> Auroc);

using MedPeft.Lora;
using MedPeft.Lora.Vision;

namespace MedPeft.Samples.QuickStart;

/// <summary>One way to adapt the foundation model: its name, its learning rate, and what it trains.</summary>
/// <param name="Name">As the table says it.</param>
/// <param name="LearningRate">Its own: one rate for all would be unfair to some. They are usual ones for AdamW, not the outcome of a search.</param>
/// <param name="Prepare">Chooses what trains; returns the adapter if there is one.</param>
internal sealed record Method(string Name, double LearningRate, Func<VisionTransformer, LoraAdapter?> Prepare)
{
    public static IReadOnlyList<Method> All(Plan plan) =>
    [
        new("LoRA", 2e-3, model => model.InjectLora(plan.Lora)),
        new("Full fine-tuning", 5e-4, _ => null),
        new("Linear probe", 1e-2, model =>
        {
            foreach (var (name, parameter) in model.named_parameters()) parameter.requires_grad = name.StartsWith("head.", StringComparison.Ordinal);
            return null;
        }),
    ];
}

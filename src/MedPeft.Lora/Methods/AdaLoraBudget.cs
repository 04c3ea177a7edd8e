using MedPeft.Lora.Common;
using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>Cuts the ranks of AdaLoRA's layers to a budget that falls by a cubic schedule.</summary>
/// <remarks>Zhang et al. 2023, §3.2 and §3.3, arXiv:2303.10512; ties are kept in the order of the model, so that the kept ranks always sum to the budget.</remarks>
internal sealed class AdaLoraBudget(AdaLoraConfig config, IReadOnlyList<AdaLoraLinear> layers) : ITrainingStepObserver
{
    private int Initial => config.InitialRank * layers.Count;

    private int Target => config.TargetRank * layers.Count;

    /// <summary>Ranks of all layers together after a step.</summary>
    public int Budget(long step, long steps)
    {
        var last = steps - config.FinalSteps;
        if (step <= config.WarmupSteps) return Initial;
        if (step >= last) return Target;
        var left = 1 - (double)(step - config.WarmupSteps) / (last - config.WarmupSteps);
        return (int)(Target + (Initial - Target) * left * left * left);
    }

    public Tensor? Penalty()
    {
        if (config.Orthogonality == 0) return null;
        using var scope = NewDisposeScope();
        Tensor? sum = null;
        foreach (var layer in layers)
        {
            Tensor a = layer.A, b = layer.B;
            var both = Distance(a.mm(a.t())).Plus(Distance(b.t().mm(b)));
            sum = sum is null ? both : sum.Plus(both.to(sum.device));
        }
        return sum!.Times(config.Orthogonality / (2 * layers.Count)).MoveToOuterDisposeScope();

        static Tensor Distance(Tensor products)
        {
            var off = products.Minus(eye(products.shape[0], dtype: products.dtype, device: products.device));
            return off.mul(off).sum().sqrt();
        }
    }

    public void AfterStep(long step, long steps)
    {
        var last = steps - config.FinalSteps;
        if (last <= config.WarmupSteps)
            throw new LoraException($"{steps} steps leave none between WarmupSteps {config.WarmupSteps} and FinalSteps {config.FinalSteps} to cut ranks in. Train longer, or shorten the two.");
        if (step < last)
        {
            foreach (var layer in layers) layer.UpdateImportance(config.ImportanceSmoothing, config.UncertaintySmoothing);
            if (step > config.WarmupSteps && step % config.Interval == 0) Cut(Budget(step, steps));
        }
        else if (step == last || layers[0].Kept is null) Cut(Target);
        else
            foreach (var layer in layers) layer.Keep(layer.Kept!); // the optimizer has moved what was cut
    }

    private void Cut(int budget)
    {
        var kept = layers.Select(layer => layer.Scores()).SelectMany((scores, layer) => scores.Select((score, direction) => (score, layer, direction)))
            .OrderByDescending(entry => entry.score).Take(budget).Select(entry => (entry.layer, entry.direction)).ToHashSet();
        for (var i = 0; i < layers.Count; i++) layers[i].Keep([.. Enumerable.Range(0, config.InitialRank).Select(direction => kept.Contains((i, direction)))]);
    }
}

using System.Diagnostics;
using MedPeft.Lora.Injection;
using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>Methods that add nothing to a model and train a part of it as it is: the baselines that adapters are measured against.</summary>
/// <remarks>
/// <see cref="AdapterConfig.Exclude"/> and <see cref="AdapterConfig.Within"/> narrow the part down, <see cref="AdapterConfig.Trainable"/> adds to it; the targets are not used.
/// Saving writes what was trained; removing gives the old gradients back and keeps what was learned.
/// </remarks>
public abstract record InFullConfig : AdapterConfig
{
    private protected InFullConfig() { }

    internal sealed override bool AdaptsLayers => false;

    internal sealed override string Kinds => "nothing";

    internal sealed override bool CanAdapt(nn.Module module) => false;

    internal sealed override string? Misfit(nn.Module module, string name) => null;

    internal sealed override IReadOnlyList<(string Name, long[] Shape)> Shapes(nn.Module module) => [];

    internal sealed override AdapterLayer Adapt(nn.Module module, Generator generator) => throw new UnreachableException("Nothing is adapted.");

    internal sealed override LoraLayerInfo Info(string path, nn.Module module) => throw new UnreachableException("Nothing is adapted.");

    private protected override IEnumerable<string> Settings() => [];

    internal sealed override IReadOnlyList<ModuleNode> Select(nn.Module root, IReadOnlyList<ModuleNode> tree, TrainedInFull trained)
    {
        if (TargetPattern is not null || AllLinear || !Targets.SequenceEqual(UsualTargets))
            throw new LoraException($"{GetType().Name} adapts no layers, so that Targets, TargetPattern and AllLinear mean nothing to it. Leave them out; Within and Exclude narrow down what is trained, Trainable adds to it.");
        if (tree.FirstOrDefault(node => node.Module is AdapterLayer) is { } adapted)
            throw new LoraException($"'{adapted.Path}' is adapted, and {GetType().Name} trains a plain model. Remove the adapter first, or name what else to train in its Trainable or Bias.");
        return [];
    }

    /// <summary>Demands that there is something to train.</summary>
    private protected TrainedInFull Demanded(TrainedInFull found, string what)
    {
        if (found.Modules.Count + found.Parameters.Count > 0) return found;
        throw new LoraException($"The model has {what}{(Within.Count + Exclude.Count == 0 ? "" : $" that Within {Names.Quoted(Within)} and Exclude {Names.Quoted(Exclude)} leave")}, so that {GetType().Name} would train nothing.");
    }
}

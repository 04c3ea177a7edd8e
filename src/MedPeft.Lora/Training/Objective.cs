using MedPeft.Lora.Common;
using static TorchSharp.torch;

namespace MedPeft.Lora.Training;

/// <summary>What a run makes small: a loss over a batch that adds up from its parts, so that a batch may go through the model in pieces.</summary>
internal abstract class Objective : IDisposable
{
    /// <summary>What the whole batch's loss is the mean over.</summary>
    /// <param name="labels">[B, K].</param>
    public abstract long Terms(Tensor labels);

    /// <summary>A part's share of the whole batch's loss.</summary>
    /// <param name="model">The model.</param>
    /// <param name="images">[b, C, S, S].</param>
    /// <param name="labels">[b, K].</param>
    /// <param name="terms"><see cref="Terms"/> of the whole batch.</param>
    /// <returns>A scalar; caller owns.</returns>
    public abstract Tensor Loss(nn.Module<Tensor, Tensor> model, Tensor images, Tensor labels, long terms);

    public abstract void Dispose();
}

/// <summary>Binary cross-entropy of a classifier.</summary>
/// <param name="options">Label smoothing and weights.</param>
/// <param name="device">Where the labels lie.</param>
/// <param name="prefix">Where the batches are of tokens: what has given them.</param>
internal sealed class LabelObjective(TrainingOptions options, Device device, FrozenPrefix? prefix = null) : Objective
{
    private readonly Tensor? _positiveWeights = options.PositiveWeights is { } weights
        ? tensor(weights.Select(weight => (float)weight).ToArray(), device: device).DetachFromDisposeScope() : null;

    public override long Terms(Tensor labels) => MaskedLoss.Present(labels);

    public override Tensor Loss(nn.Module<Tensor, Tensor> model, Tensor images, Tensor labels, long terms)
    {
        using var logits = prefix is null ? model.call(images) : prefix.Score(images);
        return MaskedLoss.Of(logits, labels, _positiveWeights, options.LabelSmoothing, terms);
    }

    public override void Dispose() => _positiveWeights?.Dispose();
}

/// <summary>The mean that a model such as a masked autoencoder returns of its images by itself.</summary>
internal sealed class OwnObjective : Objective
{
    public override long Terms(Tensor labels) => labels.shape[0];

    public override Tensor Loss(nn.Module<Tensor, Tensor> model, Tensor images, Tensor labels, long terms)
    {
        var mean = model.call(images);
        if (images.shape[0] == terms) return mean;
        using (mean) return mean.Times((double)images.shape[0] / terms);
    }

    public override void Dispose()
    {
    }
}

using MedPeft.Lora.Data;
using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Prediction;

public sealed partial class Predictor
{
    /// <summary>Scores a labelled data set, for evaluation or calibration.</summary>
    /// <param name="data">The images, with the predictor's labels in its order.</param>
    /// <param name="read">How a record becomes pixels; null decodes its file. <see cref="PixelCache.Read"/> fits here.</param>
    /// <param name="cancellationToken">Ends the call with an <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="ArgumentException">The set has other labels, or no image.</exception>
    /// <exception cref="ImageException">More images cannot be read than <see cref="PredictorOptions.OnBadImage"/> allows.</exception>
    public ScoredDataset Score(ImageDataset data, Func<ImageRecord, PixelImage>? read = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        if (!data.Labels.SequenceEqual(Labels))
            throw new ArgumentException($"The model scores {string.Join(", ", Labels)}; the data set has {string.Join(", ", data.Labels)}. Open it with the same labels in the same order.", nameof(data));
        var (logits, scored) = (new List<float>(data.Count * Labels.Count), new List<int>(data.Count));
        using var loader = Loader(data, read, Options.OnBadImage);
        foreach (var batch in loader.Epoch(0, cancellationToken))
        {
            using var owned = batch;
            logits.AddRange(Logits(batch.Images));
            scored.AddRange(batch.Indices);
        }

        return new ScoredDataset(data.Subset(scored), [.. logits], Settings.Temperature, loader.Skipped);
    }
}

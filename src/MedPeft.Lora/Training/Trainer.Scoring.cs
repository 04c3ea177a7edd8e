using System.Diagnostics;
using MedPeft.Lora.Data;
using MedPeft.Lora.Metrics;
using static TorchSharp.torch;

namespace MedPeft.Lora.Training;

public sealed partial class Trainer
{
    private AurocReport? Score(nn.Module<Tensor, Tensor> model, ImageDataset data, int epoch, RunReport report, CancellationToken cancellationToken)
    {
        var clock = Stopwatch.StartNew();
        using var merged = DriftingMerge.Of(model, _options);
        var scores = Logits(model, data, (step, steps, images) => report.Scored(epoch, step, steps, images / clock.Elapsed.TotalSeconds), cancellationToken);
        if (scores is null) return null;
        if (_options.Defects.HasFlag(ReferenceDefects.HalfPrecisionScores))
            for (var i = 0; i < scores.Length; i++) scores[i] = (float)(Half)(1 / (1 + MathF.Exp(-(float)(Half)scores[i])));
        var labels = new float[scores.Length];
        for (var i = 0; i < data.Count; i++) data[i].Labels.CopyTo(labels.AsSpan(i * data.Labels.Count));
        var auroc = Auroc.PerLabel(scores, labels, data.Labels);
        return _options.Defects.HasFlag(ReferenceDefects.SingleClassLabelsFail) ? auroc.RequireAll() : auroc;
    }

    private float[]? Logits(nn.Module<Tensor, Tensor> model, ImageDataset data, Action<int, int, int> report, CancellationToken cancellationToken)
    {
        using var loader = new ImageLoader(data, _options.Evaluation, new ImageLoaderOptions
        {
            BatchSize = Math.Min(_options.EvaluationBatchSize, data.Count),
            Seed = _options.Seed,
            Threads = _options.LoaderThreads,
            Read = _options.Read,
        });
        var (scores, done, step) = (new float[data.Count * data.Labels.Count], 0, 0);
        var wasTraining = model.training;
        model.eval();
        try
        {
            foreach (var batch in loader.Epoch(0, cancellationToken))
            {
                using var owned = batch;
                using var scope = NewDisposeScope();
                using var guard = no_grad();
                var logits = model.call(batch.Images.to(_device)).to(ScalarType.Float32).cpu().contiguous();
                logits.data<float>().CopyTo(scores, done * data.Labels.Count);
                done += batch.Indices.Count;
                report(++step, loader.BatchesPerEpoch, done);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return null;
        }
        finally
        {
            model.train(wasTraining);
        }

        return scores;
    }
}

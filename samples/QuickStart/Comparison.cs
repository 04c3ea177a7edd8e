using MedPeft.Lora;
using MedPeft.Lora.Data;
using MedPeft.Lora.Training;
using MedPeft.Lora.Vision;
using static TorchSharp.torch;

namespace MedPeft.Samples.QuickStart;

/// <summary>Adapts the same foundation model to the same few labels, once by each method.</summary>
internal sealed class Comparison(Plan plan, string foundation, ImageDataset train, ImageDataset validation, ImageDataset test)
{
    /// <summary>A fresh copy of the foundation model with a new head; the same head for every method.</summary>
    public VisionTransformer Backbone() => VisionTransformer.FromCheckpoint(foundation, plan.Backbone with { Outputs = train.Labels.Count }, seed: plan.Seed);

    /// <summary>A trainer with the budget that all methods share.</summary>
    public Trainer Trainer(double learningRate = 1e-3, double highFactor = 1) => new(new TrainingOptions
    {
        Epochs = plan.Epochs,
        BatchSize = plan.BatchSize,
        EvaluationBatchSize = 100,
        Optimizer = OptimizerKind.AdamW,
        LearningRate = learningRate,
        LoraPlusRatio = highFactor,
        WeightDecay = .05,
        WarmupEpochs = plan.Epochs / 10.0,
        TrainPipeline = Pipelines.Gentle(plan.Size),
        EvaluationPipeline = Pipelines.Plain(plan.Size),
        Seed = plan.Seed,
    });

    /// <summary>Trains and scores one method.</summary>
    /// <param name="method">Which.</param>
    /// <param name="progress">Told of every step.</param>
    /// <param name="stop">Ends it with an <see cref="OperationCanceledException"/>.</param>
    /// <param name="use">Gets the adapted model and the adapter before they are gone.</param>
    public MethodResult Run(Method method, IProgress<TrainingProgress> progress, CancellationToken stop, Action<VisionTransformer, LoraAdapter>? use = null)
    {
        using var memory = new PeakMemory();
        using var model = Backbone();
        var adapter = plan.Adaptation.Inject(method.Adaptation, model, Batches);
        var total = model.parameters().Sum(parameter => parameter.numel());
        var trainer = Trainer(method.LearningRate, method.Adaptation == Adaptation.LoraPlus ? 16 : 1);
        var training = trainer.Fit(model, train, validation, progress, stop);
        stop.ThrowIfCancellationRequested();
        var peak = memory.Megabytes;
        var tested = trainer.Evaluate(model, test, cancellationToken: stop);
        use?.Invoke(model, adapter);
        return new MethodResult(method, (training.TrainedParameters, total), training, tested, peak);
    }

    private IEnumerable<Tensor> Batches()
    {
        using var loader = new ImageLoader(train, Pipelines.Plain(plan.Size), new ImageLoaderOptions { BatchSize = plan.BatchSize, Shuffle = true, Seed = plan.Seed });
        foreach (var batch in loader.Epoch(1))
            using (batch) yield return batch.Images;
    }
}

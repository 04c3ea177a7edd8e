using System.CommandLine;
using System.Globalization;
using MedPeft.Lora.Data;
using MedPeft.Lora.Training;
using MedPeft.Lora.Vision;
using Spectre.Console;

namespace MedPeft.Samples.FineTune;

/// <summary>One run: open the data, make the model, train, score, save.</summary>
internal sealed class Run(Options options, ParseResult given)
{
    private readonly Setup _setup = new(options, given);

    /// <returns>Whether the end was reached; otherwise it was stopped, and what there was is saved.</returns>
    public bool Execute(CancellationToken stop)
    {
        var (train, validation, test) = _setup.OpenData();
        AnsiConsole.MarkupLineInterpolated($"Images: [bold]{train.Count}[/] to learn from, [bold]{validation.Count}[/] to validate, [bold]{test?.Count ?? 0}[/] to test; {train.Labels.Count} labels.");
        if (_setup.Recipe is { } recipe) AnsiConsole.WriteLine($"Recipe: {recipe}");
        using var cache = Cache(train, validation, test, stop);
        using var log = Get(options.JsonLog) is { } file ? new JsonLinesLog(file.FullName) : null;
        using var board = Get(options.TensorBoard) is { } folder ? new TensorBoardLog(folder.FullName) : null;
        var training = _setup.Training with
        {
            RunFolder = Get(options.Run)?.FullName, Read = cache is null ? null : cache.Read, Observers = [.. new ITrainingObserver?[] { log, board }.OfType<ITrainingObserver>()],
        };
        var output = new Output(Get(options.Output));
        using var model = _setup.Model(train.Labels.Count);
        if (Get(options.Checkpoint) is null) output.SaveBackbone(model);
        var lora = _setup.Adapt(model, training, train);
        AnsiConsole.WriteLine(lora.Parameters.ToString());
        var trainer = new Trainer(training);
        var result = Train(trainer, model, train, validation, stop);
        if (result.Epochs.Count == 0) throw new OperationCanceledException();

        lora.Labels = train.Labels;
        output.SaveAdapter(lora, _setup.Prediction(train.Labels));
        var tested = test is null || result.Cancelled ? null : trainer.Evaluate(model, test, cancellationToken: stop);
        output.Report(Get(options.Method), result, tested);
        if (!result.Cancelled) return true;
        var goesOn = training.RunFolder is null ? "" : " The same command goes on from here.";
        AnsiConsole.MarkupLineInterpolated($"[yellow]Stopped after a step of epoch {result.Epochs.Count + 1}; the best of {result.Epochs.Count} finished epochs is saved.{goesOn}[/]");
        return false;
    }

    private PixelCache? Cache(ImageDataset train, ImageDataset validation, ImageDataset? test, CancellationToken stop)
    {
        if (Get(options.Cache) is not { } folder) return null;
        var cache = PixelCache.Open(folder.FullName, new PixelCacheOptions { ShortSide = Math.Max(256, _setup.Training.ImageSize * 8 / 7) });
        try
        {
            foreach (var set in new[] { train, validation, test }.OfType<ImageDataset>()) AnsiConsole.WriteLine($"Cache: {cache.Add(set, cancellationToken: stop)}");
            return cache;
        }
        catch
        {
            cache.Dispose();
            throw;
        }
    }

    private static TrainingResult Train(Trainer trainer, VisionTransformer model, ImageDataset train, ImageDataset validation, CancellationToken stop)
    {
        TrainingResult? result = null;
        AnsiConsole.Progress()
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .Start(context =>
            {
                var bar = context.AddTask("training");
                result = trainer.Fit(model, train, validation, new Direct(state =>
                {
                    bar.Value = 100 * state.Fraction;
                    bar.Description = string.Create(
                        CultureInfo.InvariantCulture,
                        $"epoch {state.Epoch}/{state.Epochs} {state.Phase switch { TrainingPhase.Training => $"loss {state.Loss:F4}", TrainingPhase.Validation => "validating", _ => "filling the cache" }} {state.ImagesPerSecond:F1} images/s");
                }), stop);
            });
        return result!;
    }

    private T Get<T>(Option<T> option) => given.GetValue(option)!;

    /// <summary>Reports on the training thread, so that no bar jumps back.</summary>
    private sealed class Direct(Action<TrainingProgress> report) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => report(value);
    }
}

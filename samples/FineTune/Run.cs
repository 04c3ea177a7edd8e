using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using MedPeft.Lora;
using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Data;
using MedPeft.Lora.Metrics;
using MedPeft.Lora.Training;
using MedPeft.Lora.Vision;
using Spectre.Console;

namespace MedPeft.Samples.FineTune;

/// <summary>One run: open the data, make the model, train, score, save.</summary>
internal sealed class Run(Options options, ParseResult given)
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public int Execute(CancellationToken stop)
    {
        var (train, validation, test) = OpenData();
        AnsiConsole.MarkupLineInterpolated($"Images: [bold]{train.Count}[/] to learn from, [bold]{validation.Count}[/] to validate, [bold]{test?.Count ?? 0}[/] to test; {train.Labels.Count} labels.");
        var training = Options();
        using var model = Model(train.Labels.Count);
        var lora = Prepare(model);
        var trainer = new Trainer(training);
        var result = Train(trainer, model, train, validation, stop);
        if (result.Epochs.Count == 0) throw new OperationCanceledException();

        var output = Get(options.Output);
        output.Create();
        var saved = Save(output, model, lora);
        var tested = test is null || result.Cancelled ? null : trainer.Evaluate(model, test, cancellation: stop);
        Report(output, result, tested, saved);
        if (!result.Cancelled) return ExitCode.Done;
        AnsiConsole.MarkupLineInterpolated($"[yellow]Stopped by Ctrl+C after a step of epoch {result.Epochs.Count + 1}; the best of {result.Epochs.Count} finished epochs is saved.[/]");
        return ExitCode.Stopped;
    }

    private (ImageDataset Train, ImageDataset Validation, ImageDataset? Test) OpenData()
    {
        var folder = DatasetFolder.Find(Get(options.Data).FullName, Get(options.Dataset));
        var choices = new DatasetChoices { Labels = Get(options.Labels), Uncertainty = Get(options.Uncertainty), Windowing = Get(options.Windowing) };
        var train = folder.Open(Get(options.TrainList) ?? folder.TrainList, choices);
        var test = Get(options.TestList) is { } list ? folder.Open(list, choices) : null;
        if (Get(options.ValidationList) is { } named) return (train, folder.Open(named, choices), test);
        var parts = train.Split([.9, .1], (ulong)Get(options.Seed));
        return (parts[0], parts[1], test);
    }

    private TrainingOptions Options() => new()
    {
        Epochs = Get(options.Epochs),
        BatchSize = Get(options.BatchSize),
        Optimizer = Get(options.Optimizer),
        LearningRate = Get(options.LearningRate),
        LayerDecay = Get(options.LayerDecay),
        WeightDecay = Get(options.WeightDecay),
        ImageSize = Get(options.ImageSize),
        Normalization = FineTune.Options.Normalization(Get(options.Pixels)),
        Device = Get(options.Device),
        Seed = Get(options.Seed),
    };

    private VisionTransformer Model(int labels)
    {
        var size = Get(options.Size) switch
        {
            Size.Tiny => ViTConfig.Tiny16,
            Size.Small => ViTConfig.Small16,
            Size.Large => ViTConfig.Large16,
            _ => ViTConfig.Base16,
        };
        var config = size with { ImageSize = Get(options.ImageSize), Outputs = labels, DropPath = Get(options.DropPath) };
        if (Get(options.Checkpoint) is not { } file)
        {
            AnsiConsole.MarkupLine("[yellow]No --checkpoint: the backbone starts from random weights.[/]");
            return new VisionTransformer(config, Get(options.Seed));
        }

        var model = VisionTransformer.FromCheckpoint(file.FullName, config, out var report, seed: Get(options.Seed));
        AnsiConsole.WriteLine(report.ToString());
        return model;
    }

    private LoraAdapter? Prepare(VisionTransformer model)
    {
        switch (Get(options.Method))
        {
            case Method.Lora:
                var lora = model.InjectLora(new LoraConfig
                {
                    Rank = Get(options.Rank),
                    Alpha = Get(options.Alpha),
                    Dropout = Get(options.Dropout),
                    Targets = ["qkv"],
                    Blocks = [LoraBlock.Query, LoraBlock.Value],
                    Trainable = ["head", "fc_norm"],
                    Seed = (ulong)Get(options.Seed),
                });
                AnsiConsole.WriteLine(lora.Parameters.ToString());
                return lora;
            case Method.Probe:
                foreach (var (name, parameter) in model.named_parameters())
                    parameter.requires_grad = name.StartsWith("head.", StringComparison.Ordinal) || name.StartsWith("fc_norm.", StringComparison.Ordinal);
                return null;
            default:
                return null;
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
                        $"epoch {state.Epoch}/{state.Epochs} {(state.Phase == TrainingPhase.Training ? $"loss {state.Loss:F4}" : "validating")} {state.ImagesPerSecond:F1} images/s");
                }), stop);
            });
        return result!;
    }

    private static string Save(DirectoryInfo output, VisionTransformer model, LoraAdapter? lora)
    {
        var path = Path.Combine(output.FullName, lora is null ? "model.safetensors" : "adapter");
        if (lora is null) Safetensors.Write(path, model.state_dict());
        else lora.Save(path);
        return path;
    }

    private void Report(DirectoryInfo output, TrainingResult result, AurocReport? tested, string saved)
    {
        var table = new Table().AddColumn("").AddColumn("validation").AddColumn("test");
        table.AddRow("macro AUROC", Score(result.Best.Auroc.Macro), Score(tested?.Macro));
        for (var i = 0; i < result.Best.Auroc.PerLabel.Count; i++)
            table.AddRow(Markup.Escape(result.Best.Auroc.Labels[i]), Score(result.Best.Auroc.PerLabel[i].Value), Score(tested?.PerLabel[i].Value));
        AnsiConsole.Write(table);
        AnsiConsole.MarkupLineInterpolated($"Best epoch {result.Best.Epoch} of {result.Epochs.Count}; {result.TrainedParameters:N0} parameters trained in {result.Elapsed:hh\\:mm\\:ss}. Saved: {saved}");

        File.WriteAllLines(Path.Combine(output.FullName, "history.csv"),
            ["epoch,loss,learning_rate,validation_auroc,images_per_second,seconds",
             .. result.Epochs.Select(e => string.Create(CultureInfo.InvariantCulture, $"{e.Epoch},{e.TrainingLoss:R},{e.LearningRate:R},{e.Auroc.Macro:R},{e.ImagesPerSecond:F2},{e.Elapsed.TotalSeconds:F1}"))]);
        File.WriteAllText(Path.Combine(output.FullName, "result.json"), JsonSerializer.Serialize(
            new
            {
                method = Get(options.Method).ToString(),
                trained_parameters = result.TrainedParameters,
                best_epoch = result.Best.Epoch,
                stopped = result.Cancelled,
                validation = Scores(result.Best.Auroc),
                test = tested is null ? null : Scores(tested),
            },
            Indented));
    }

    private static object Scores(AurocReport report) => new
    {
        macro_auroc = double.IsNaN(report.Macro) ? (double?)null : report.Macro,
        scored_labels = report.Scored,
        auroc = report.PerLabel.ToDictionary(label => label.Label, label => label.Value),
    };

    private static string Score(double? value) => value is { } v && !double.IsNaN(v) ? v.ToString("F4", CultureInfo.InvariantCulture) : "–";

    private T Get<T>(Option<T> option) => given.GetValue(option)!;

    /// <summary>Reports on the training thread, so that no bar jumps back.</summary>
    private sealed class Direct(Action<TrainingProgress> report) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => report(value);
    }
}

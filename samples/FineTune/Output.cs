using System.Globalization;
using System.Text.Json;
using MedPeft.Lora;
using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Metrics;
using MedPeft.Lora.Prediction;
using MedPeft.Lora.Training;
using MedPeft.Lora.Vision;
using Spectre.Console;

namespace MedPeft.Samples.FineTune;

/// <summary>The folder that a run leaves: the adapter with its settings, the history and the scores.</summary>
internal sealed class Output
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };
    private readonly string _folder;

    public Output(DirectoryInfo folder)
    {
        folder.Create();
        _folder = folder.FullName;
    }

    private string Adapter => Path.Combine(_folder, "adapter");

    /// <summary>Without it, nobody could use an adapter of random weights again.</summary>
    public void SaveBackbone(VisionTransformer model) => Safetensors.Write(Path.Combine(_folder, "backbone.safetensors"), model.state_dict());

    public void SaveAdapter(LoraAdapter lora, PredictionSettings settings)
    {
        lora.Save(Adapter);
        settings.Save(Adapter);
    }

    public void Report(Adaptation method, TrainingResult result, AurocReport? tested)
    {
        var table = new Table().AddColumn("").AddColumn("validation").AddColumn("test");
        table.AddRow("macro AUROC", Score(result.Best.Auroc.Macro), Score(tested?.Macro));
        for (var i = 0; i < result.Best.Auroc.PerLabel.Count; i++)
            table.AddRow(Markup.Escape(result.Best.Auroc.Labels[i]), Score(result.Best.Auroc.PerLabel[i].Value), Score(tested?.PerLabel[i].Value));
        AnsiConsole.Write(table);
        AnsiConsole.MarkupLineInterpolated($"Best epoch {result.Best.Epoch} of {result.Epochs.Count}; {result.TrainedParameters:N0} parameters trained in {result.Elapsed:hh\\:mm\\:ss}. Saved: {Adapter}");

        File.WriteAllLines(Path.Combine(_folder, "history.csv"),
            ["epoch,loss,learning_rate,validation_auroc,images_per_second,seconds",
             .. result.Epochs.Select(e => string.Create(CultureInfo.InvariantCulture, $"{e.Epoch},{e.TrainingLoss:R},{e.LearningRate:R},{e.Auroc.Macro:R},{e.ImagesPerSecond:F2},{e.Elapsed.TotalSeconds:F1}"))]);
        File.WriteAllText(Path.Combine(_folder, "result.json"), JsonSerializer.Serialize(
            new
            {
                method = method.ToString(),
                trained_parameters = result.TrainedParameters,
                best_epoch = result.Best.Epoch,
                stopped = result.Cancelled,
                resumed = result.Resumed,
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
}

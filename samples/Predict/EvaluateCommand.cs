using System.CommandLine;
using MedPeft.Lora.Data;
using MedPeft.Lora.Metrics;
using MedPeft.Lora.Prediction;
using MedPeft.Lora.Vision;

namespace MedPeft.Samples.Predict;

/// <summary>A labelled data set to tables and plots, and to a calibration for other images.</summary>
internal sealed class EvaluateCommand
{
    private readonly ModelOptions _model = new();
    private readonly Option<DirectoryInfo> _data = new("--data", "-d") { Description = "The NIH ChestX-ray14 folder.", Required = true, HelpName = "folder" };
    private readonly Option<string> _list = new("--list", "-l") { Description = "Which of its images: a list in the folder or a path.", Required = true, HelpName = "file" };
    private readonly Option<Pixels> _pixels = new("--pixels") { Description = "Mean and deviation that pixels are normalised with, unless predictor.json beside the adapter says.", DefaultValueFactory = _ => Pixels.Mrm };
    private readonly Option<float[]> _normalize = new("--normalize") { Description = "The same as two numbers, mean and deviation, for a backbone of your own.", Arity = new ArgumentArity(2, 2), AllowMultipleArgumentsPerToken = true, HelpName = "mean std" };
    private readonly Option<bool> _calibrate = new("--calibrate") { Description = "Fit a temperature and a threshold for each label, and write them to predictor.json in the adapter's folder. Use validation images." };
    private readonly Option<int> _replicates = new("--bootstrap") { Description = "Resample patients so many times, for the interval of the mean; 0 for none.", DefaultValueFactory = _ => 200, HelpName = "n" };
    private readonly Option<DirectoryInfo> _output = new("--out", "-o") { Description = "Where report.txt and the plots go.", DefaultValueFactory = _ => new DirectoryInfo("predict-output"), HelpName = "folder" };

    public static Command Make(Func<Action<CancellationToken>, int> execute)
    {
        var options = new EvaluateCommand();
        var command = new Command("evaluate", "Score labelled images: AUROC with DeLong's intervals, average precision, calibration, subgroups; ROC, precision-recall and reliability plots.")
        {
            options._data, options._list, options._pixels, options._normalize, options._calibrate, options._replicates, options._output,
        };
        options._model.AddTo(command);
        command.SetAction(given => execute(stop => options.Run(given, stop)));
        return command;
    }

    private void Run(ParseResult given, CancellationToken stop)
    {
        var data = ChestXray14.Open(given.GetValue(_data)!.FullName, given.GetValue(_list));
        using var predictor = Models.Load(_model, given, model => Settings(given, data, model));
        var scored = predictor.Score(data, cancellationToken: stop);
        var bootstrap = given.GetValue(_replicates) is > 0 and var replicates ? new BootstrapOptions { Replicates = replicates, Groups = scored.Patients } : null;
        var report = scored.Evaluate(new EvaluationOptions { Bootstrap = bootstrap });

        var lines = new List<string> { report.ToString(), "", "By sex", scored.BySex().ToString(), "", "By age", scored.ByAge().ToString(), "", "By view", scored.ByView().ToString() };
        if (scored.Skipped.Count > 0) lines.Add($"\n{scored.Skipped.Count} images could not be read and are left out.");
        var folder = given.GetValue(_output)!;
        folder.Create();
        var settings = predictor.Settings;
        if (given.GetValue(_calibrate))
        {
            settings = scored.Calibrate(settings);
            settings.Save(given.GetValue(_model.Adapter)!);
            lines.Add(FormattableString.Invariant($"\nCalibrated: temperature {settings.Temperature:F3}, {settings.Thresholds.Count} thresholds, in {PredictionSettings.FileName} beside the adapter."));
        }

        var text = string.Join('\n', lines);
        File.WriteAllText(Path.Combine(folder.FullName, "report.txt"), text + "\n");
        Console.WriteLine(text);
        Curves.Save(folder.FullName, report, scored, settings.Temperature);
    }

    private PredictionSettings Settings(ParseResult given, ImageDataset data, ViTConfig model) => new()
    {
        Labels = data.Labels,
        ImageSize = model.ImageSize,
        Channels = model.Channels,
        Normalization = given.GetValue(_normalize) is [var mean, var std] ? new(mean, std) : ModelOptions.Normalization(given.GetValue(_pixels)),
    };
}

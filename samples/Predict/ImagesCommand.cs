using System.CommandLine;
using System.Globalization;
using MedPeft.Lora.Imaging;
using MedPeft.Lora.Prediction;
using MedPeft.Samples.Drawing;
using Spectre.Console;

namespace MedPeft.Samples.Predict;

/// <summary>Images to probabilities, and heat maps of what led to them.</summary>
internal sealed class ImagesCommand
{
    private readonly ModelOptions _model = new();
    private readonly Argument<string> _input = new("input") { Description = "An image file, or a folder of them: PNG, JPEG or DICOM." };
    private readonly Option<FileInfo?> _csv = new("--csv") { Description = "Where the table goes.", HelpName = "file" };
    private readonly Option<FileInfo?> _json = new("--json") { Description = "Where the same goes as JSON.", HelpName = "file" };
    private readonly Option<DirectoryInfo?> _maps = new("--maps") { Description = "Where heat maps go, a PNG for each image: roll-out, and Grad-CAM of its foremost finding.", HelpName = "folder" };
    private readonly Option<string?> _label = new("--label") { Description = "The finding that Grad-CAM is to speak of, instead of the one that stands highest above its threshold.", HelpName = "name" };
    private readonly Option<int> _most = new("--most") { Description = "Heat maps of so many images, those most sure of their finding first.", DefaultValueFactory = _ => 12, HelpName = "n" };

    public static Command Make(Func<Action<CancellationToken>, int> execute)
    {
        var options = new ImagesCommand();
        var command = new Command("images", "Predict a file or a folder. Labels and calibration are those of predictor.json in the adapter's folder, which fine-tune and 'evaluate --calibrate' write; without it, the adapter's labels and no calibration.")
        {
            options._input, options._csv, options._json, options._maps, options._label, options._most,
        };
        options._model.AddTo(command);
        command.SetAction(given => execute(stop => options.Run(given, stop)));
        return command;
    }

    private void Run(ParseResult given, CancellationToken stop)
    {
        var input = given.GetValue(_input)!;
        var images = Directory.Exists(input) ? ImageInput.FromFolder(input) : [ImageInput.FromFile(input)];
        if (!Directory.Exists(input) && !File.Exists(input)) throw new ImageException(input, "does not exist. Name an image, or a folder of images.");
        if (images.Count == 0) throw new ImageException(input, "holds no image. PNG, JPEG and DICOM files are read.");
        using var predictor = Models.Load(_model, given, null);
        var clock = System.Diagnostics.Stopwatch.StartNew();
        var rows = predictor.Predict(images, stop).ToList();
        var seconds = clock.Elapsed.TotalSeconds;
        if (given.GetValue(_csv) is { } csv) PredictionFile.WriteCsv(csv.FullName, predictor.Settings, rows);
        if (given.GetValue(_json) is { } json) PredictionFile.WriteJson(json.FullName, predictor.Settings, rows);
        Print(predictor, rows);
        AnsiConsole.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{rows.Count} images, {rows.Count(row => row.Problem is not null)} of them unreadable, in {seconds:F1} s ({rows.Count / seconds:F1} a second)"));
        if (given.GetValue(_maps) is { } folder) Maps(predictor, images, rows, folder, given, stop);
    }

    private static void Print(Predictor predictor, IReadOnlyList<ImagePrediction> rows)
    {
        var table = new Table().Border(TableBorder.Markdown).AddColumn("image").AddColumn("foremost").AddColumn("probability", column => column.RightAligned()).AddColumn("called");
        foreach (var row in rows.Take(20))
        {
            if (row.Problem is not null)
            {
                table.AddRow(Markup.Escape(row.Name), Markup.Escape(row.Problem), "", "");
                continue;
            }

            var k = Foremost(predictor, row);
            var called = predictor.Labels.Where((_, k) => row.Called[k] == true);
            table.AddRow(Markup.Escape(row.Name), Markup.Escape(predictor.Labels[k]), row.Probabilities[k].ToString("F3", CultureInfo.InvariantCulture), Markup.Escape(string.Join(", ", called)));
        }

        AnsiConsole.Write(table);
        if (rows.Count > 20) AnsiConsole.WriteLine($"and {rows.Count - 20} more");
    }

    private void Maps(Predictor predictor, IReadOnlyList<ImageInput> images, IReadOnlyList<ImagePrediction> rows, DirectoryInfo folder, ParseResult given, CancellationToken stop)
    {
        folder.Create();
        var wanted = given.GetValue(_label);
        var named = predictor.Labels.ToList().IndexOf(wanted ?? "");
        if (wanted is not null && named < 0) throw new ArgumentException($"There is no label '{wanted}'. Labels: {string.Join(", ", predictor.Labels)}.");
        var chosen = Enumerable.Range(0, rows.Count).Where(i => rows[i].Problem is null)
            .Select(i => (Index: i, Label: wanted is null ? Foremost(predictor, rows[i]) : named))
            .OrderByDescending(entry => rows[entry.Index].Probabilities[entry.Label]).Take(given.GetValue(_most));
        foreach (var (i, k) in chosen)
        {
            stop.ThrowIfCancellationRequested();
            var label = predictor.Labels[k];
            var rollout = predictor.Explain(images[i], HeatMapMethod.AttentionRollout);
            var gradient = predictor.Explain(images[i], HeatMapMethod.GradCam, label);
            var radiograph = rollout.Radiograph;
            var (first, second) = (rollout.Draw(), gradient.Draw());
            MapSheet.Save(
                Path.Combine(folder.FullName, Path.ChangeExtension(rows[i].Name.Replace('/', '_'), ".map.png")),
                rows[i].Name,
                string.Create(CultureInfo.InvariantCulture, $"{label.Replace('_', ' ')}: {rows[i].Probabilities[k]:P1}"),
                "Yellow is hot, cold places are left as they are; the ends of the scale stand beside each map. A map shows what moved the model, not where a finding is.",
                [
                    new MapPanel("Radiograph", "the part that the model saw", radiograph.Width, radiograph.Height, radiograph.Channels, radiograph.Pixels),
                    new MapPanel("Attention roll-out", "share of each patch in what the head sees", first.Width, first.Height, first.Channels, first.Pixels),
                    new MapPanel($"Grad-CAM, {label.Replace('_', ' ')}", "what each patch adds to the logit, to first order", second.Width, second.Height, second.Channels, second.Pixels),
                ]);
        }

        AnsiConsole.WriteLine($"Heat maps: {folder.Name}");
    }

    /// <summary>The label that stands highest above its threshold, in odds, so that a frequent finding does not come first everywhere.</summary>
    private static int Foremost(Predictor predictor, ImagePrediction row) => Enumerable.Range(0, row.Probabilities.Count)
        .MaxBy(k => Odds(row.Probabilities[k]) - (predictor.Settings.Thresholds.TryGetValue(predictor.Labels[k], out var threshold) ? Odds(threshold) : 0));

    private static double Odds(double probability) => Math.Log(Math.Max(probability, 1e-9) / Math.Max(1 - probability, 1e-9));
}

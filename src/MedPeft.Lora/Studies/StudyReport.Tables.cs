using System.Globalization;
using System.Text;
using MedPeft.Lora.Common;

namespace MedPeft.Lora.Studies;

public sealed partial class StudyReport
{
    /// <summary>The table of tasks as Markdown: each method's macro AUROC in percent with its interval, the figures published, and the differences.</summary>
    /// <remarks>Nothing in it depends on when or how fast the cells ran: equal results, equal bytes.</remarks>
    public string ToMarkdown()
    {
        var text = new StringBuilder();
        var others = Runner.Study.Methods.Where(method => method.Name != Reference).Select(method => method.Name).ToList();
        var header = new List<string> { "backbone", "data set", "labels" };
        foreach (var method in Runner.Study.Methods) header.AddRange([$"{method.Name}", $"{method.Name} published"]);
        foreach (var method in others) header.AddRange([$"{method} − {Reference}", "p (DeLong)", "p (Holm)"]);
        text.Append("| ").AppendJoin(" | ", header).Append(" |\n|").Append(string.Concat(header.Select((_, i) => i < 2 ? " --- |" : " ---: |"))).Append('\n');
        foreach (var task in Tasks)
        {
            var row = new List<string> { task.Backbone, task.Dataset, Text($"{task.Fraction * 100:0.###} %") };
            foreach (var method in task.Methods) row.AddRange([Score(method), method.Published is { } figure ? Text($"{figure.Auroc:F1}") : ""]);
            foreach (var method in others.Select(name => task.Methods.First(m => m.Method == name)))
            {
                row.AddRange([
                    method.Difference is { } difference ? Text($"{100 * difference:+0.0;−0.0;0.0} [{100 * method.DifferenceInterval!.Value.Lower:+0.0;−0.0;0.0}, {100 * method.DifferenceInterval.Value.Upper:+0.0;−0.0;0.0}]") : "",
                    P(method.P), P(method.AdjustedP)]);
            }

            text.Append("| ").AppendJoin(" | ", row).Append(" |\n");
        }

        text.Append('\n');
        foreach (var method in others) text.Append(Words(Wins(method))).Append('\n');
        text.Append(CultureInfo.InvariantCulture, $"{Done} of {Runner.Cells.Count} cells are done. Macro AUROC on the test images in percent, mean over the seeds; in brackets 95 % intervals by resampling patients.\n");
        return text.ToString();
    }

    /// <summary>A row a cell, as CSV (RFC 4180, LF): settings, data, scores. Equal results, equal bytes.</summary>
    public string CellsCsv()
    {
        var text = new StringBuilder("index,id,backbone,dataset,fraction,method,seed,train_images,test_images,trained_parameters,total_parameters,best_epoch,validation_auroc,test_auroc,lower,upper,calibration_error,temperature,predictions_sha256\n");
        foreach (var cell in Runner.Cells)
        {
            if (Runner.Result(cell) is not { } r) continue;
            text.Append(CultureInfo.InvariantCulture, $"{cell.Index},{r.Id},{Csv.Field(r.Backbone)},{Csv.Field(r.Dataset)},{r.Fraction:R},{Csv.Field(r.Method)},{r.Seed},{r.Train.Images},{r.Test.Images},{r.TrainedParameters},{r.TotalParameters},{r.BestEpoch},")
                .Append(CultureInfo.InvariantCulture, $"{r.ValidationAuroc:R},{r.Auroc:R},{r.AurocInterval[0]:R},{r.AurocInterval[1]:R},{r.CalibrationError:R},{r.Temperature:R},{r.PredictionsSha256}\n");
        }

        return text.ToString();
    }

    /// <summary>A row a label of a cell, as CSV: positives, negatives, AUROC with DeLong's interval, average precision, Brier score, calibration error.</summary>
    public string LabelsCsv()
    {
        var text = new StringBuilder("index,backbone,dataset,fraction,method,seed,label,positives,negatives,auroc,lower,upper,average_precision,brier,calibration_error\n");
        foreach (var cell in Runner.Cells)
        {
            foreach (var label in Runner.Result(cell)?.Labels ?? [])
            {
                text.Append(CultureInfo.InvariantCulture, $"{cell.Index},{Csv.Field(cell.Backbone.Name)},{Csv.Field(cell.Dataset.Name)},{cell.Train.Fraction:R},{Csv.Field(cell.Method.Name)},{cell.Seed},{Csv.Field(label.Label)},")
                    .Append(CultureInfo.InvariantCulture, $"{label.Positives},{label.Negatives},{label.Auroc:R},{label.Lower:R},{label.Upper:R},{label.AveragePrecision:R},{label.Brier:R},{label.CalibrationError:R}\n");
            }
        }

        return text.ToString();
    }

    /// <summary>A row a method of a task, as CSV: mean, spread over seeds, intervals, difference from the reference, p, figure published.</summary>
    public string TasksCsv()
    {
        var text = new StringBuilder("backbone,dataset,fraction,method,seeds,auroc,seed_deviation,lower,upper,difference,difference_lower,difference_upper,p_delong,p_holm,published_percent,published_source\n");
        foreach (var task in Tasks)
        {
            foreach (var m in task.Methods)
            {
                text.Append(CultureInfo.InvariantCulture, $"{Csv.Field(task.Backbone)},{Csv.Field(task.Dataset)},{task.Fraction:R},{Csv.Field(m.Method)},{m.Results.Count},{m.Auroc:R},{m.SeedDeviation:R},{m.Interval?.Lower:R},{m.Interval?.Upper:R},")
                    .Append(CultureInfo.InvariantCulture, $"{m.Difference:R},{m.DifferenceInterval?.Lower:R},{m.DifferenceInterval?.Upper:R},{m.P:R},{m.AdjustedP:R},{m.Published?.Auroc:R},{Csv.Field(m.Published?.Source ?? "")}\n");
            }
        }

        return text.ToString();
    }

    /// <summary>The count of wins in words.</summary>
    /// <param name="wins">From <see cref="Wins"/>.</param>
    public string Words(StudyWins wins)
    {
        ArgumentNullException.ThrowIfNull(wins);
        return Text($"{wins.Method} is higher than {Reference} on {wins.Higher} of {wins.Tasks} tasks and lower on {wins.Lower}; after Holm's correction over the tasks, significantly (p < 0.05) higher on {wins.SignificantlyHigher} and lower on {wins.SignificantlyLower}.");
    }

    private static string Score(MethodReport method) => method.Auroc is not { } auroc ? "" : method.Interval is { } interval
        ? Text($"{100 * auroc:F1} [{100 * interval.Lower:F1}, {100 * interval.Upper:F1}]") : Text($"{100 * auroc:F1}");

    private static string P(double? p) => p switch
    {
        null => "",
        < .0001 => "< 0.0001",
        < .001 => Text($"{p:F4}"),
        _ => Text($"{p:F3}"),
    };

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

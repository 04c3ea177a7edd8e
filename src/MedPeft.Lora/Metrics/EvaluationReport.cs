using System.Globalization;

namespace MedPeft.Lora.Metrics;

/// <summary>An evaluation of K labels.</summary>
public sealed record EvaluationReport
{
    internal EvaluationReport(int cases, EvaluationOptions options, IReadOnlyList<LabelEvaluation> perLabel, AurocReport auroc, BootstrapReport? bootstrap)
    {
        (Cases, Options, PerLabel, Auroc, Bootstrap) = (cases, options, perLabel, auroc, bootstrap);
    }

    /// <summary>The number of cases, n.</summary>
    public int Cases { get; }

    /// <summary>What was asked for.</summary>
    public EvaluationOptions Options { get; }

    /// <summary>One entry per label, in order.</summary>
    public IReadOnlyList<LabelEvaluation> PerLabel { get; }

    /// <summary>The areas under the ROC curves and their mean, with the labels left out of it.</summary>
    public AurocReport Auroc { get; }

    /// <summary>Intervals by resampling, of the mean too; null without them in the options.</summary>
    public BootstrapReport? Bootstrap { get; }

    /// <summary>The mean average precision over the labels that have an area, the same as in the mean of the areas; NaN where none has.</summary>
    public double MacroAveragePrecision => Mean(l => l.AveragePrecision);

    /// <summary>The mean Brier score over the labels that have an area.</summary>
    public double MacroBrier => Mean(l => l.Brier);

    /// <summary>The mean expected calibration error over the labels that have an area.</summary>
    public double MacroCalibrationError => Mean(l => l.CalibrationError);

    /// <summary>The thresholds chosen on these cases, to be applied to others through <see cref="EvaluationOptions.Thresholds"/>.</summary>
    public IReadOnlyList<LabelThresholds> Thresholds =>
        [.. PerLabel.Select(l => new LabelThresholds(l.Label, l.MaximumF1?.Threshold, l.MaximumYouden?.Threshold))];

    /// <summary>A table with a row per label, and the mean.</summary>
    public override string ToString()
    {
        var applied = Options.Thresholds is not null;
        var table = new TextTable([
            "label", "positive", "negative", "AUROC", Percent(Options.Level) + " interval", "AP",
            .. Options.Specificities.Select(s => string.Create(CultureInfo.InvariantCulture, $"sens@{s:0.###}")), applied ? "F1" : "max F1", "Brier", "ECE"]);
        foreach (var label in PerLabel)
        {
            table.Add([
                label.Label, Count(label.Positives), Count(label.Negatives), TextTable.Number(label.Auroc), label.Interval?.ToString() ?? "-",
                TextTable.Number(label.AveragePrecision), .. label.AtSpecificities.Select(p => TextTable.Number(p?.Sensitivity)),
                TextTable.Number((applied ? label.AtF1Threshold : label.MaximumF1)?.F1),
                TextTable.Number(label.Brier), TextTable.Number(label.CalibrationError)]);
        }

        table.Add([
            "macro", "", "", TextTable.Number(Auroc.Macro), Bootstrap?.Macro?.Interval.ToString() ?? "", TextTable.Number(MacroAveragePrecision),
            .. Options.Specificities.Select(_ => ""), "", TextTable.Number(MacroBrier), TextTable.Number(MacroCalibrationError)]);
        return string.Create(CultureInfo.InvariantCulture, $"{table}\n{Cases} cases; {Auroc}; ECE over {Options.Bins} bins")
            + (applied ? "; F1 at thresholds chosen on other cases" : "; max F1 and sens@ at thresholds chosen on these cases");
    }

    private static string Percent(double level) => string.Create(CultureInfo.InvariantCulture, $"{100 * level:0.##}%");

    private static string Count(int count) => count.ToString(CultureInfo.InvariantCulture);

    private double Mean(Func<LabelEvaluation, double?> value) =>
        PerLabel.Where(l => l.Auroc is not null).Select(l => value(l)!.Value).DefaultIfEmpty(double.NaN).Average();
}

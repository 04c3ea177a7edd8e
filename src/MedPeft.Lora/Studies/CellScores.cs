using MedPeft.Lora.Data;
using MedPeft.Lora.Metrics;
using MedPeft.Lora.Training;

namespace MedPeft.Lora.Studies;

/// <summary>From a finished run to its result.</summary>
internal static class CellScores
{
    public static CellResult Of(StudyCell cell, CellInputs inputs, string root, TrainingResult trained, long total, CellPredictions predictions, string predictionsHash)
    {
        var labels = inputs.Test.Labels;
        var evaluation = new EvaluationOptions { Scores = ScoreKind.Logit, Bootstrap = Resampling(predictions) };
        var report = Evaluation.Run(predictions.TestLogits, predictions.TestLabels, labels, evaluation);
        var fit = TemperatureScaling.Fit(predictions.ValidationLogits, predictions.ValidationLabels);
        var temperature = fit is { AtBound: false } ? fit.Temperature : 1; // at a bound it is no fit
        var cooled = Evaluation.Run(predictions.TestLogits, predictions.TestLabels, labels, evaluation with { Temperature = temperature, Bootstrap = null });
        var interval = report.Bootstrap?.Macro?.Interval;
        var patients = inputs.Train.Select(Patient).OfType<string>().ToHashSet(StringComparer.Ordinal);
        return new CellResult
        {
            Id = cell.Id,
            Backbone = cell.Backbone.Name,
            Dataset = cell.Dataset.Name,
            Fraction = cell.Train.Fraction,
            Method = cell.Method.Name,
            Seed = cell.Seed,
            CheckpointSha256 = inputs.CheckpointSha256,
            Train = CellInputs.Describe(inputs.Train, root),
            Validation = CellInputs.Describe(inputs.Validation, root),
            Test = CellInputs.Describe(inputs.Test, root),
            PatientsSharedWithValidation = Shared(inputs.Validation),
            PatientsSharedWithTest = Shared(inputs.Test),
            SkippedImages = trained.Skipped.Count,
            TrainedParameters = trained.TrainedParameters,
            TotalParameters = total,
            BestEpoch = trained.Best.Epoch,
            Epochs = [.. trained.Epochs.Select(epoch => new CellEpoch(epoch.Epoch, epoch.TrainingLoss, epoch.LearningRate, epoch.Auroc.Macro))],
            ValidationAuroc = trained.Best.Auroc.Macro,
            Auroc = report.Auroc.Macro,
            AurocInterval = interval is { } ends ? [ends.Lower, ends.Upper] : [double.NaN, double.NaN],
            CalibrationError = report.MacroCalibrationError,
            Temperature = temperature,
            CalibrationErrorAfterTemperature = cooled.MacroCalibrationError,
            Labels = [.. report.PerLabel.Select(label => new CellLabel(
                label.Label, label.Positives, label.Negatives, label.Auroc, label.Interval?.Lower, label.Interval?.Upper, label.AveragePrecision, label.Brier, label.CalibrationError))],
            PredictionsSha256 = predictionsHash,
            Deviations = cell.Deviations,
        };

        int Shared(ImageDataset other) => other.Select(Patient).OfType<string>().Distinct(StringComparer.Ordinal).Count(patients.Contains);
    }

    /// <summary>Patients are drawn, not images: those of one patient are no independent evidence.</summary>
    public static BootstrapOptions Resampling(CellPredictions predictions) => new()
    {
        Groups = Array.ConvertAll(predictions.Patients, patient => FormattableString.Invariant($"{patient}")),
    };

    private static string? Patient(ImageRecord record) => record.Patient is null ? null : $"{record.Source}/{record.Patient}";
}

namespace MedPeft.Lora.Studies;

/// <summary>What a finished cell came to: all that tables need, nothing of when, where or how long. Equal bytes on disk for equal runs.</summary>
public sealed record CellResult
{
    /// <summary>The cell's <see cref="StudyCell.Id"/>.</summary>
    public required string Id { get; init; }

    /// <summary>Its backbone.</summary>
    public required string Backbone { get; init; }

    /// <summary>Its data set.</summary>
    public required string Dataset { get; init; }

    /// <summary>Its share of the labels.</summary>
    public required double Fraction { get; init; }

    /// <summary>Its method.</summary>
    public required string Method { get; init; }

    /// <summary>Its seed.</summary>
    public required ulong Seed { get; init; }

    /// <summary>SHA-256 of the checkpoint that it started from.</summary>
    public required string CheckpointSha256 { get; init; }

    /// <summary>What it trained on.</summary>
    public required CellData Train { get; init; }

    /// <summary>What picked the best epoch.</summary>
    public required CellData Validation { get; init; }

    /// <summary>What was scored.</summary>
    public required CellData Test { get; init; }

    /// <summary>Patients of the training images that validation has too.</summary>
    public required int PatientsSharedWithValidation { get; init; }

    /// <summary>Patients of the training images that the test has too.</summary>
    public required int PatientsSharedWithTest { get; init; }

    /// <summary>Training images left out because they cannot be read.</summary>
    public required int SkippedImages { get; init; }

    /// <summary>Parameters that were trained.</summary>
    public required long TrainedParameters { get; init; }

    /// <summary>All parameters of the model, adapters included.</summary>
    public required long TotalParameters { get; init; }

    /// <summary>The epoch whose weights were scored, from 1.</summary>
    public required int BestEpoch { get; init; }

    /// <summary>The learning curve.</summary>
    public required IReadOnlyList<CellEpoch> Epochs { get; init; }

    /// <summary>Macro AUROC on validation, of the best epoch.</summary>
    public required double ValidationAuroc { get; init; }

    /// <summary>Macro AUROC on the test images.</summary>
    public required double Auroc { get; init; }

    /// <summary>The ends of its 95 % interval, by resampling patients.</summary>
    public required IReadOnlyList<double> AurocInterval { get; init; }

    /// <summary>Mean expected calibration error over the labels, 15 bins.</summary>
    public required double CalibrationError { get; init; }

    /// <summary>The temperature fitted on validation; 1 where none fits.</summary>
    public required double Temperature { get; init; }

    /// <summary><see cref="CalibrationError"/> after dividing the logits by <see cref="Temperature"/>.</summary>
    public required double CalibrationErrorAfterTemperature { get; init; }

    /// <summary>Scores of each label on the test images.</summary>
    public required IReadOnlyList<CellLabel> Labels { get; init; }

    /// <summary>SHA-256 of the file of the predictions.</summary>
    public required string PredictionsSha256 { get; init; }

    /// <summary>Where the cell departs from a published run.</summary>
    public required IReadOnlyList<string> Deviations { get; init; }
}

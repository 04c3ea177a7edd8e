namespace MedPeft.Lora.Studies;

/// <summary>One label's scores on the test images; what its cases cannot give, for want of a class, is null.</summary>
/// <param name="Label">Its name.</param>
/// <param name="Positives">Test images with it.</param>
/// <param name="Negatives">Test images without it.</param>
/// <param name="Auroc">Area under the ROC curve.</param>
/// <param name="Lower">Lower end of DeLong's 95 % interval.</param>
/// <param name="Upper">Upper end of DeLong's 95 % interval.</param>
/// <param name="AveragePrecision">Average precision.</param>
/// <param name="Brier">Mean squared difference of probability and label.</param>
/// <param name="CalibrationError">Expected calibration error, 15 bins.</param>
public sealed record CellLabel(string Label, int Positives, int Negatives, double? Auroc, double? Lower, double? Upper, double? AveragePrecision, double? Brier, double? CalibrationError);

using MedPeft.Lora.Training;

namespace MedPeft.Lora.Studies;

/// <summary>The images of one share of the labels.</summary>
/// <param name="Fraction">The share that tables name, above 0 and at most 1.</param>
/// <param name="List">The list or table of its images, below the data set's root or a path; null is the data set's whole table.</param>
/// <param name="Draw">Whether the share is drawn from the list, by patient and the same for every seed; otherwise the list is the share.</param>
/// <param name="Images">How many images it must have; null is any number. Plans count with it where the list is not on disk.</param>
public sealed record StudyTrainingSet(double Fraction, string? List, bool Draw = false, int? Images = null)
{
    /// <summary>What this share changes in the training: few labels bear more epochs; null changes nothing.</summary>
    public Func<TrainingOptions, TrainingOptions>? Adjust { get; init; }
}

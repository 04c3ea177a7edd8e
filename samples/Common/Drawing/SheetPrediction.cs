namespace MedPeft.Samples.Drawing;

/// <summary>What a model says about one finding of one picture, and whether it is there.</summary>
/// <param name="Label">Name of the finding.</param>
/// <param name="Probability">0 to 1.</param>
/// <param name="Threshold">From which probability on the model says yes.</param>
/// <param name="Present">The truth.</param>
public readonly record struct SheetPrediction(string Label, double Probability, double Threshold, bool Present)
{
    /// <summary>The model says yes.</summary>
    public bool Positive => Probability >= Threshold;
}

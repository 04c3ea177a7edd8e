namespace MedPeft.Lora.Training;

/// <summary>
/// The factor that keeps float16 gradients from vanishing: halved, and the step left out, when they overflow; doubled after a time without. PyTorch's
/// GradScaler has the same numbers.
/// </summary>
internal sealed class LossScaler(double scale, int growth = 0)
{
    private const int Interval = 2000;

    /// <summary>Factor on the loss.</summary>
    public double Scale { get; private set; } = scale;

    /// <summary>Steps since it last changed.</summary>
    public int Growth { get; private set; } = growth;

    /// <summary>Tells it how the gradient came out.</summary>
    /// <returns>Whether the step may be taken.</returns>
    public bool Judge(double norm)
    {
        if (!double.IsFinite(norm))
        {
            (Scale, Growth) = (Scale / 2, 0);
            return false;
        }

        if (++Growth == Interval) (Scale, Growth) = (Scale * 2, 0);
        return true;
    }
}

namespace MedPeft.Lora.Training;

/// <summary>Learning rates as pure functions of training time.</summary>
public static class LearningRate
{
    /// <summary>Linear warm-up, then half a cosine down to a floor, per step (the schedule of MAE's fine-tuning and of the paper).</summary>
    /// <param name="epoch">Training time in epochs, fractional: epoch + step / steps per epoch.</param>
    /// <param name="epochs">Length of the run.</param>
    /// <param name="warmupEpochs">Length of the warm-up; 0 for none.</param>
    /// <param name="peak">Rate at the end of the warm-up.</param>
    /// <param name="floor">Rate at the end of the run.</param>
    /// <returns>peak · epoch / warmup during the warm-up, then floor + (peak − floor) · (1 + cos(π · (epoch − warmup) / (epochs − warmup))) / 2.</returns>
    public static double WarmupCosine(double epoch, double epochs, double warmupEpochs, double peak, double floor)
    {
        if (epoch < warmupEpochs) return peak * epoch / warmupEpochs;
        if (epochs <= warmupEpochs) return peak;
        return floor + (peak - floor) * .5 * (1 + Math.Cos(Math.PI * (epoch - warmupEpochs) / (epochs - warmupEpochs)));
    }
}

using System.Text.Json;
using System.Text.Json.Serialization;

namespace MedPeft.Lora.Training;

/// <summary>
/// Writes a run's steps and epochs as one JSON object a line, appended, so that a resumed run goes on in the same file; of two lines for one step the
/// later counts. Numbers and the labels' names only.
/// </summary>
/// <remarks>
/// Each object has <c>event</c> (<c>step</c> or <c>epoch</c>) and <c>time</c> (UTC). Steps: epoch, step, loss, learning_rate, gradient_norm, images_per_second,
/// data_wait, seconds_left, peak_memory. Epochs: epoch, loss, learning_rate, macro_auroc, auroc (by label), images_per_second, data_wait, seconds, peak_memory.
/// </remarks>
public sealed class JsonLinesLog : ITrainingObserver, IDisposable
{
    private static readonly JsonSerializerOptions Style = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    private readonly StreamWriter _file;
    private readonly int _every;

    /// <summary>Opens the file.</summary>
    /// <param name="path">Made if it does not exist, otherwise appended to; its folder must exist.</param>
    /// <param name="everySteps">Steps from one line to the next.</param>
    public JsonLinesLog(string path, int everySteps = 1)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(everySteps);
        _every = everySteps;
        _file = new StreamWriter(new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read));
    }

    /// <inheritdoc/>
    public void OnProgress(TrainingProgress progress)
    {
        ArgumentNullException.ThrowIfNull(progress);
        if (progress.Phase != TrainingPhase.Training || progress.Step % _every != 0) return;
        Write(new
        {
            Event = "step",
            Time = DateTime.UtcNow,
            progress.Epoch,
            progress.Step,
            progress.Loss,
            progress.LearningRate,
            progress.GradientNorm,
            progress.ImagesPerSecond,
            progress.DataWait,
            SecondsLeft = progress.TimeLeft?.TotalSeconds,
            progress.PeakMemoryBytes,
        });
    }

    /// <inheritdoc/>
    public void OnEpoch(EpochResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        Write(new
        {
            Event = "epoch",
            Time = DateTime.UtcNow,
            result.Epoch,
            Loss = result.TrainingLoss,
            result.LearningRate,
            MacroAuroc = result.Auroc.Scored == 0 ? (double?)null : result.Auroc.Macro,
            Auroc = result.Auroc.PerLabel.Count == 0 ? null : result.Auroc.PerLabel.ToDictionary(label => label.Label, label => label.Value),
            result.ImagesPerSecond,
            result.DataWait,
            Seconds = result.Elapsed.TotalSeconds,
            result.PeakMemoryBytes,
        });
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _file.Dispose();

    private void Write<T>(T line)
    {
        _file.WriteLine(JsonSerializer.Serialize(line, Style));
        _file.Flush();
    }
}

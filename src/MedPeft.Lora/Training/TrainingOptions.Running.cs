using MedPeft.Lora.Common;
using MedPeft.Lora.Data;
using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Training;

public sealed partial record TrainingOptions
{
    /// <summary>Where the run keeps its checkpoints. A run with the same options, data and model goes on from the last one there, to the same end bit for bit.</summary>
    /// <value>Default null: nothing is written. The folder is made if it does not exist; one run uses it at a time.</value>
    public string? RunFolder { get; init; }

    /// <summary>Steps from one checkpoint to the next, beside those at the end of every epoch and of the run.</summary>
    /// <value>Default 0: by <see cref="CheckpointInterval"/> only.</value>
    public int CheckpointSteps { get; init => field = Require.NotNegative(value); }

    /// <summary>Time after which a checkpoint is due within an epoch.</summary>
    /// <value>Default 10 minutes.</value>
    public TimeSpan CheckpointInterval
    {
        get;
        init
        {
            if (value <= TimeSpan.Zero) throw new ArgumentOutOfRangeException(nameof(CheckpointInterval), value, "CheckpointInterval must be longer than nothing.");
            field = value;
        }
    } = TimeSpan.FromMinutes(10);

    /// <summary>How a record becomes pixels; <see cref="PixelCache.Read"/> fits here.</summary>
    /// <value>Default null: its file is decoded.</value>
    public Func<ImageRecord, PixelImage>? Read { get; init; }

    /// <summary>What to do about a training image that cannot be read; one that is to be scored always ends the run.</summary>
    /// <value>Default <see cref="Data.OnBadImage.Raise"/>.</value>
    public OnBadImage OnBadImage { get; init; } = OnBadImage.Raise;

    /// <summary>How thoroughly training and validation are searched for shared patients and images before a run; null leaves the search out.</summary>
    /// <value>Default: by patient, file name and bytes. Looks, which find resized copies, cost a pass over all images.</value>
    public LeakCheckOptions? LeakCheck { get; init; } = new() { Bytes = true };

    /// <summary>Who is told of every step and epoch, such as <see cref="JsonLinesLog"/> and <see cref="TensorBoardLog"/>; they stay the caller's to dispose.</summary>
    /// <value>Default none.</value>
    public IReadOnlyList<ITrainingObserver> Observers { get; init; } = [];
}

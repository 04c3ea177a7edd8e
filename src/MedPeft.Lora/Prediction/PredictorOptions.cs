using MedPeft.Lora.Common;
using MedPeft.Lora.Data;

namespace MedPeft.Lora.Prediction;

/// <summary>How a <see cref="Predictor"/> works; nothing here changes what it says.</summary>
public sealed record PredictorOptions
{
    /// <summary>Where the model runs: cpu, cuda or cuda:0.</summary>
    /// <value>The default is cpu.</value>
    public string Device { get; init; } = "cpu";

    /// <summary>Images in a pass.</summary>
    /// <value>The default is 16.</value>
    public int BatchSize { get; init => field = Require.AtLeastOne(value); } = 16;

    /// <summary>Threads that decode images; 0 takes one for each core.</summary>
    /// <value>The default is 0.</value>
    public int LoaderThreads { get; init => field = Require.NotNegative(value); }

    /// <summary>What to do about an image that cannot be read. Skipped ones have a row that says why; of a stream the share counts so far.</summary>
    /// <value>The default skips any number of them.</value>
    public OnBadImage OnBadImage { get; init; } = OnBadImage.SkipAndRecord(1);
}

using MedPeft.Lora.Imaging;
using MedPeft.Lora.Vision;

namespace MedPeft.Samples.QuickStart;

/// <summary>Sizes and rates of the demonstration: the whole of it in five minutes on two cores, or a glimpse in one.</summary>
internal sealed record Plan
{
    /// <summary>Side of the phantoms and of the network's input in pixels.</summary>
    public int Size { get; init; } = 96;

    /// <summary>Images without labels, for the foundation model.</summary>
    public int Unlabelled { get; init; } = 1600;

    /// <summary>Images with labels: few, as in a clinic that starts a study.</summary>
    public int Train { get; init; } = 700;

    /// <summary>Images that pick the best epoch.</summary>
    public int Validation { get; init; } = 250;

    /// <summary>Images scored once, at the end.</summary>
    public int Test { get; init; } = 600;

    /// <summary>Passes over the unlabelled images.</summary>
    public int PretrainingEpochs { get; init; } = 12;

    /// <summary>Learning rate of the pre-training.</summary>
    public double PretrainingRate { get; init; } = 1.5e-3;

    /// <summary>Passes over the labelled images, the same for every method.</summary>
    public int Epochs { get; init; } = 10;

    /// <summary>Images a step, the same for every method.</summary>
    public int BatchSize { get; init; } = 32;

    /// <summary>Decides everything that is random.</summary>
    public ulong Seed { get; init; }

    /// <summary>The backbone: a ViT-B/16 in miniature.</summary>
    public ViTConfig Backbone => new() { ImageSize = Size, PatchSize = 12, Channels = 1, EmbedDim = 128, Depth = 6, Heads = 4 };

    /// <summary>Rank of the adapters.</summary>
    public int Rank { get; init; } = 8;

    /// <summary>What the methods leave open; LoRA is the paper's: query and value of every attention layer, head and last norm beside it.</summary>
    public AdaptationPlan Adaptation => new() { Rank = Rank, Alpha = 4 * Rank, Steps = Epochs * (Train / BatchSize), Seed = Seed };

    /// <summary>Mean and deviation of the phantoms' pixels.</summary>
    public static Normalization Pixels { get; } = new(.48f, .30f);

    /// <summary>Five minutes.</summary>
    public static Plan Full { get; } = new();

    /// <summary>One minute: shows the way, not the result.</summary>
    public static Plan Quick { get; } = new() { Unlabelled = 500, Train = 200, Validation = 150, Test = 200, PretrainingEpochs = 4, Epochs = 4 };

    /// <summary>The reduced task of the table of methods, a quarter of a minute for each of many runs.</summary>
    public static Plan Study { get; } = new() { Unlabelled = 800, Train = 256, Validation = 120, Test = 400, PretrainingEpochs = 8, Epochs = 5, BatchSize = 16 };
}

using MedPeft.Lora.Common;
using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Data;

/// <summary>How an <see cref="ImageLoader"/> forms its batches.</summary>
public sealed record ImageLoaderOptions
{
    /// <summary>Images a batch.</summary>
    /// <value>The default is 64.</value>
    public int BatchSize { get; init => field = Require.AtLeastOne(value); } = 64;

    /// <summary>Whether each epoch has an order of its own, drawn from <see cref="Seed"/>; otherwise the data set's order.</summary>
    /// <value>The default is false.</value>
    public bool Shuffle { get; init; }

    /// <summary>Whether a last batch that would be smaller than the others is left out.</summary>
    /// <value>The default is false.</value>
    public bool DropLast { get; init; }

    /// <summary>Decides the orders and the augmentation. The same seed gives the same batches, bit for bit, for any number of threads.</summary>
    /// <value>The default is 0.</value>
    public ulong Seed { get; init; }

    /// <summary>Threads that decode; 0 takes one for each core.</summary>
    /// <value>The default is 0.</value>
    public int Threads { get; init => field = Require.NotNegative(value); }

    /// <summary>Batches that may be finished or in work ahead of the one in use. It bounds the memory: Prefetch + 1 batches.</summary>
    /// <value>The default is 2.</value>
    public int Prefetch { get; init => field = Require.AtLeastOne(value); } = 2;

    /// <summary>What to do about an image that cannot be read.</summary>
    /// <value>The default is <see cref="OnBadImage.Raise"/>.</value>
    public OnBadImage OnBadImage { get; init; } = OnBadImage.Raise;

    /// <summary>How a record becomes pixels, called on all threads at once; null decodes the record's file. <see cref="PixelCache.Read"/> fits here.</summary>
    /// <value>The default is null.</value>
    public Func<ImageRecord, PixelImage>? Read { get; init; }
}

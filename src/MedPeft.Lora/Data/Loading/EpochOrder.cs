using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Data.Loading;

/// <summary>The order in which an epoch takes the images.</summary>
internal static class EpochOrder
{
    /// <summary>The data set's own order.</summary>
    public static int[] AsIs(int count)
    {
        var order = new int[count];
        for (var i = 0; i < count; i++) order[i] = i;
        return order;
    }

    /// <summary>A permutation that depends on the seed, the epoch and the number of images: Fisher and Yates, from the end.</summary>
    public static int[] Shuffled(int count, ulong seed, int epoch)
    {
        var order = AsIs(count);
        var random = SampleRandom.For(seed, epoch, -1); // no image has this position
        for (var i = count - 1; i > 0; i--)
        {
            var j = random.NextInt(0, i);
            (order[i], order[j]) = (order[j], order[i]);
        }

        return order;
    }
}

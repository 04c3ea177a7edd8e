namespace MedPeft.Lora.Imaging;

/// <summary>Turns a byte into the number a network saw in its pre-training: (byte / 255 - mean) / std, in float32.</summary>
/// <param name="Mean">The mean of the pre-training images on the scale 0 to 1, equal for all channels.</param>
/// <param name="Std">Their standard deviation on the same scale.</param>
public sealed record Normalization(float Mean, float Std)
{
    /// <summary>MRM's statistics (mean 0.4978, std 0.2449).</summary>
    public static Normalization Mrm { get; } = new(.4978f, .2449f);

    /// <summary>CXR-MAE's statistics (mean 0.4785, std 0.2834).</summary>
    public static Normalization CxrMae { get; } = new(.4785f, .2834f);

    /// <summary>No shift and no scale: numbers from 0 to 1.</summary>
    public static Normalization None { get; } = new(0, 1);

    /// <summary>Prints the two numbers.</summary>
    public override string ToString() => Text.Of($"Normalize(mean {Mean}, std {Std})");

    /// <summary>The result for each of the 256 bytes: dividing twice in float32, as torchvision does.</summary>
    internal float[] Table()
    {
        if (!(Std > 0) || !float.IsFinite(Mean) || !float.IsFinite(Std))
            throw new ArgumentException(Text.Of($"Found mean {Mean} and std {Std}; the standard deviation must be above 0 and both finite."));
        var table = new float[256];
        for (var i = 0; i < 256; i++) table[i] = (i / 255f - Mean) / Std;
        return table;
    }
}

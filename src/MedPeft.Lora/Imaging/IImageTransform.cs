namespace MedPeft.Lora.Imaging;

/// <summary>One step of an <see cref="ImagePipeline"/>: pixels in, pixels out. A sealed record that prints itself.</summary>
/// <remarks>Implementations hold no mutable state: one instance serves all threads. All randomness comes from the generator handed in.</remarks>
public interface IImageTransform
{
    /// <summary>Applies the step.</summary>
    /// <param name="image">The image, [H, W, C]; never changed.</param>
    /// <param name="random">The sample's random numbers.</param>
    /// <returns>A new image, or <paramref name="image"/> itself where nothing changes.</returns>
    PixelImage Apply(PixelImage image, ref SampleRandom random);
}

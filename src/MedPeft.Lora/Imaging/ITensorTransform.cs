namespace MedPeft.Lora.Imaging;

/// <summary>A step of an <see cref="ImagePipeline"/> behind the normalisation: it changes the numbers themselves, channel by channel if it likes.</summary>
/// <remarks>Implementations hold no mutable state: one instance serves all threads.</remarks>
public interface ITensorTransform
{
    /// <summary>Applies the step in place.</summary>
    /// <param name="tensor">The normalised input, [C, H, W].</param>
    /// <param name="channels">C.</param>
    /// <param name="height">H.</param>
    /// <param name="width">W.</param>
    /// <param name="random">The sample's random numbers.</param>
    void Apply(Span<float> tensor, int channels, int height, int width, ref SampleRandom random);
}

namespace MedPeft.Lora.Imaging;

/// <summary>A resize and the crop behind it in one: columns and rows that the crop would throw away are never computed.</summary>
internal sealed record ResizedCenterCrop(Resize Resize, CenterCrop Crop) : IImageTransform
{
    public PixelImage Apply(PixelImage image, ref SampleRandom random)
    {
        var (width, height) = Resize.Target(image);
        if (width < Crop.Size || height < Crop.Size) return Crop.Apply(Resize.Apply(image, ref random), ref random);
        return Resampler.Resize(image, PixelBox.Whole(image), width, height, Crop.Window(width, height), Resize.Interpolation);
    }
}

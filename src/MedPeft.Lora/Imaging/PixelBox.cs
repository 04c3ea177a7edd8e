namespace MedPeft.Lora.Imaging;

/// <summary>A rectangle of pixels.</summary>
internal readonly record struct PixelBox(int X, int Y, int Width, int Height)
{
    public static PixelBox Whole(PixelImage image) => new(0, 0, image.Width, image.Height);
}

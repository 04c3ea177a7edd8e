using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Tests.Imaging;

public class PixelBuffersTests
{
    [Fact]
    public void A_large_array_comes_back_once_and_only_for_its_own_length()
    {
        var image = new PixelImage(400, 300, 1, new byte[120_000]);
        PixelBuffers.GiveBack(image);
        Assert.NotSame(image.Pixels, PixelBuffers.Take(119_999));
        Assert.Same(image.Pixels, PixelBuffers.Take(120_000));
        Assert.NotSame(image.Pixels, PixelBuffers.Take(120_000));
    }

    [Fact]
    public void Small_arrays_are_not_kept()
    {
        var image = new PixelImage(10, 10, 1, new byte[100]);
        PixelBuffers.GiveBack(image);
        Assert.NotSame(image.Pixels, PixelBuffers.Take(100));
    }
}

using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Tests.Imaging;

public class PixelImageTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void A_saved_image_opens_with_the_same_pixels(int channels)
    {
        var folder = Directory.CreateTempSubdirectory();
        try
        {
            var (path, image) = (Path.Combine(folder.FullName, "a.png"), TestImages.Noise(31, 17, channels));
            File.WriteAllText(path, "an older file");
            image.SavePng(path);
            GoldenImages.Same(image, ImageDecoder.Decode(path));
            Assert.Equal([path], Directory.GetFiles(folder.FullName));
        }
        finally
        {
            folder.Delete(true);
        }
    }

    [Fact]
    public void Nothing_is_left_behind_where_saving_fails()
    {
        var folder = Directory.CreateTempSubdirectory();
        try
        {
            // The target is a folder, so the last step, the renaming, fails.
            var path = folder.CreateSubdirectory("a.png").FullName;
            Assert.ThrowsAny<Exception>(() => TestImages.Noise(3, 3, 1).SavePng(path));
            Assert.Empty(Directory.GetFiles(folder.FullName));
        }
        finally
        {
            folder.Delete(true);
        }
    }

    [Fact]
    public void Bytes_that_do_not_fit_the_size_are_refused()
    {
        var error = Assert.Throws<ArgumentException>(() => new PixelImage(3, 2, 3, new byte[17]));
        Assert.Equal("3x2 pixels of 3 channel(s) take 18 bytes; found 17. (Parameter 'pixels')", error.Message);
    }
}

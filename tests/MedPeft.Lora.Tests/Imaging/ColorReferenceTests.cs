using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Tests.Imaging;

/// <summary>
/// Operations on a colour image. The hashes are SHA-256 of what Pillow 9.4.0 gives for the image below:
/// <c>y, x = np.mgrid[0:47, 0:61]; a = np.dstack([(x*7 + y*13 + c*29 + x*y) % 256 for c in range(3)]).astype(np.uint8)</c>,
/// <c>Image.fromarray(a)</c>, bicubic, fillcolor (122, 122, 122), by the calls that timm 0.6.12 makes.
/// </summary>
public class ColorReferenceTests
{
    [Theory]
    [InlineData(AugmentOperation.Rotate, -27, "ce224aaf20cacb834c5c278d0ab89270551407a239e942daad389590b059ac91")]
    [InlineData(AugmentOperation.Rotate, 13.372, "e21e1a27a9cb5eb25510728d797249d39e7c72de3980463af9972b6cb1abf2e6")]
    [InlineData(AugmentOperation.ShearX, 0.27, "15ebf455c6d2ae960ffd1a686fbda5b1da99d0812bdc666b9a9387f4345917a6")]
    [InlineData(AugmentOperation.ShearY, -0.2345, "20ac0799bb97e0e65a989f8c95cbc2e4d3ca215027f68fff4e2ba719cbd43aa9")]
    [InlineData(AugmentOperation.TranslateX, 0.3333, "f54b29c20a59738c670f964d20be479bb12fc85de2fe95af79e748d3de322e96")]
    [InlineData(AugmentOperation.TranslateY, -0.405, "ad8525b12e7362120be81514077a1aff50692348646562947c5e0225b43cdaab")]
    [InlineData(AugmentOperation.AutoContrast, 0, "8731e2a5277264b4a503553c2658adcdf00a0cfcdf681303bfe1dd7fcafa4e32")]
    [InlineData(AugmentOperation.Equalize, 0, "eb5577de8489bdeba1d81439ed335c35c121ebad45c3b37d93e4c41a4a55d469")]
    [InlineData(AugmentOperation.Invert, 0, "5920e4441a60fd036a627af27d04a351eae1cc8892a5d1c55564a9f8f1acb559")]
    [InlineData(AugmentOperation.Posterize, 2, "1c85a4f0c04d9716fa0f21fdca79673d1f1abf6fdf0a98010f146f1188baed49")]
    [InlineData(AugmentOperation.Solarize, 141, "8424515e3c9c9cac1d32be2125e4eaa4bdfa0af6052d0dd69c93766317b65ca1")]
    [InlineData(AugmentOperation.SolarizeAdd, 99, "110a66264408d00ef13151f444d481df4b717c138632cb98fbe901883e405e3b")]
    [InlineData(AugmentOperation.Color, 0.19, "34aca68b602897f6d26004e903951d84d405fb55a36cd0d365b0344fac5ec5fc")]
    [InlineData(AugmentOperation.Color, 1.81, "4f376fb51a46841338d9263db9dc641bd13e9871a0ef49c1b6f499514e977462")]
    [InlineData(AugmentOperation.Contrast, 0.19, "d8bebed6f6d8aaff274ca60c5228dc107c1ab8c41bf0d05cd4fa419e1cda79ff")]
    [InlineData(AugmentOperation.Contrast, 1.81, "315e1e08e5f8099e40f58a80caa7393e1f89e03af2b2a7b44a94f8207171c016")]
    [InlineData(AugmentOperation.Brightness, 1.81, "968f12808ef9862d17ad645ba8574c6c16a2071a2b11d41d343c58a978d6377c")]
    [InlineData(AugmentOperation.Sharpness, 0.19, "e95e1281f454d0c3acf09623406e83f10a748c3a557350c7f6f5b14f42b400bd")]
    [InlineData(AugmentOperation.Sharpness, 1.81, "fc6ce9c61add65d483c38984a9f84d3fde6126c5e0f3077572dc8782bb36f41a")]
    public void Operations_on_color_equal_Pillow(AugmentOperation operation, double argument, string hash)
        => Assert.Equal(hash, GoldenImages.Hash(new RandAugment().Apply(Image(), operation, argument).Pixels));

    [Fact]
    public void Rotating_by_straight_lines_equals_Pillow() => Assert.Equal(
        "c0153d25620c9bb0a90cba837ff8dc28c73117a146f39579cbfb5ee814c3c780",
        GoldenImages.Hash(new RandAugment { Interpolation = Interpolation.Bilinear }.Apply(Image(), AugmentOperation.Rotate, -27).Pixels));

    [Theory]
    [InlineData(Interpolation.Bicubic, "39bff6899037741f091058d31066c6bc69f1f4680bc6839fd19caa62b66daa26")]
    [InlineData(Interpolation.Bilinear, "617747e7f35f53c595a4906f65f99247dc01c6279edc990bf1494a109e9b12cc")]
    public void Resizing_to_23_by_31_equals_Pillow(Interpolation interpolation, string hash)
        => Assert.Equal(hash, GoldenImages.Hash(Resampler.Resize(Image(), new(0, 0, 61, 47), 23, 31, new(0, 0, 23, 31), interpolation).Pixels));

    [Fact]
    public void Luma_equals_Pillow()
        => Assert.Equal("c3f71df33dfc0f0e444926efcd8138349f27000c775d2a8e4f3575cc86cf479b", GoldenImages.Hash(Grayscale.Convert(Image()).Pixels));

    private static PixelImage Image()
    {
        var pixels = new byte[61 * 47 * 3];
        for (var i = 0; i < pixels.Length; i++)
        {
            var (c, x, y) = (i % 3, i / 3 % 61, i / 3 / 61);
            pixels[i] = (byte)(x * 7 + y * 13 + c * 29 + x * y);
        }

        return new PixelImage(61, 47, 3, pixels);
    }
}

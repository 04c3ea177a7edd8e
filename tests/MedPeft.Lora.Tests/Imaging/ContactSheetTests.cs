using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Tests.Imaging;

public class ContactSheetTests
{
    [Fact]
    public void A_sheet_holds_the_outputs_of_the_pipeline_in_rows()
    {
        var image = TestImages.Noise(40, 30, 1);
        var pipeline = ImagePipeline.Train(16, Normalization.Mrm);
        var sheet = ContactSheet.Draw(pipeline, image, 5, seed: 3, columns: 3);
        Assert.Equal((3 * 20 - 4, 2 * 20 - 4, 1), (sheet.Width, sheet.Height, sheet.Channels));
        var random = SampleRandom.For(3, 4, 0);
        GoldenImages.Same(pipeline.Transform(image, ref random), Resampler.Crop(sheet, new PixelBox(20, 20, 16, 16)));
        Assert.Equal(48, sheet.Pixels[16]);
    }

    [Fact]
    public void Noise_behind_the_normalisation_is_shown_in_color()
    {
        var pipeline = new ImagePipeline([new Resize(16), new CenterCrop(16)], Normalization.Mrm, 16, 3, [new RandomErasing(1)]);
        Assert.Equal(3, ContactSheet.Draw(pipeline, TestImages.Noise(20, 20, 1), 4).Channels);
    }

    [Fact]
    public void Gray_and_color_tiles_may_be_mixed()
    {
        var sheet = ContactSheet.Tile([new PixelImage(1, 1, 1, [9]), new PixelImage(1, 1, 3, [1, 2, 3])], gap: 0);
        Assert.Equal([9, 9, 9, 1, 2, 3], sheet.Pixels);
    }

    [Fact]
    public void Tiles_of_two_sizes_and_no_tiles_are_refused()
    {
        var error = Assert.Throws<ArgumentException>(() => ContactSheet.Tile([TestImages.Noise(2, 2, 1), TestImages.Noise(3, 2, 1)]));
        Assert.Equal("Found images of 2x2 and 3x2 pixels; a contact sheet shows one size. Resize them first. (Parameter 'images')", error.Message);
        Assert.Equal("A contact sheet shows at least one image; found none. (Parameter 'images')", Assert.Throws<ArgumentException>(() => ContactSheet.Tile([])).Message);
    }
}

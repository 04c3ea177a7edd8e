using MedPeft.Lora.Imaging;
using MedPeft.Lora.Tests.Imaging.Dicom.Writers;

namespace MedPeft.Lora.Tests.Imaging.Dicom;

public class PixelTests
{
    [Fact]
    public void Bits_above_the_stored_ones_are_an_overlay_and_go()
    {
        ushort[] cells = [0xF123, 0x8FFF, 0x4000, 0x0ABC];
        Assert.Equal([0x123, 0xFFF, 0x000, 0xABC], TestPictures.Stored(DicomWriter.Image(2, 2, 16, 12, cells)));
    }

    [Fact]
    public void A_high_bit_at_the_top_shifts_values_down()
    {
        ushort[] cells = [0x1230, 0xFFFF, 0x000F, 0xABC1];
        Assert.Equal([0x123, 0xFFF, 0x000, 0xABC], TestPictures.Stored(DicomWriter.Image(2, 2, 16, 12, cells).Set(0x0028_0102, "US", 15)));
    }

    [Theory]
    [InlineData(16, 12, 0x0FFF, -1)]
    [InlineData(16, 12, 0x0800, -2048)]
    [InlineData(16, 12, 0xF7FF, 2047)]
    [InlineData(16, 16, 0x8000, -32768)]
    [InlineData(16, 1, 0x0001, -1)]
    public void The_sign_is_the_highest_stored_bit(int allocated, int stored, int cell, int expected) =>
        Assert.Equal([expected, 0], TestPictures.Stored(DicomWriter.Image(2, 1, allocated, stored, new[] { (ushort)cell, (ushort)0 }, signed: true)));

    [Fact]
    public void Eight_bits_may_have_a_sign() =>
        Assert.Equal([-128, -1, 127, 0], TestPictures.Stored(DicomWriter.Image(2, 2, 8, 8, new byte[] { 0x80, 0xFF, 0x7F, 0 }, signed: true)));

    [Theory]
    [InlineData("OB")]
    [InlineData("OW")]
    public void Big_endian_bytes_lie_in_swapped_pairs_only_as_words(string vr)
    {
        byte[] bytes = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        var writer = DicomWriter.Image(3, 1, 8, 8, bytes, syntax: DicomWriter.ExplicitBig).Set(0x0028_0008, "IS", "3").Set(0x7FE0_0010, vr, bytes);
        Assert.Equal([1, 2, 3], TestPictures.Stored(writer, 0));
        Assert.Equal([4, 5, 6], TestPictures.Stored(writer, 1));
        Assert.Equal([7, 8, 9], TestPictures.Stored(writer, 2));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Colours_come_by_pixel_or_by_plane(int planar)
    {
        byte[] bytes = planar == 0 ? [1, 2, 3, 4, 5, 6] : [1, 4, 2, 5, 3, 6];
        Assert.Equal([1, 2, 3, 4, 5, 6], TestPictures.Stored(DicomWriter.Image(2, 1, 8, 8, bytes, 3).Set(0x0028_0006, "US", planar)));
    }

    [Fact]
    public void Frames_are_chosen_by_index()
    {
        var writer = DicomWriter.Image(2, 1, 16, 16, new ushort[] { 1, 2, 3, 4, 5, 6 }).Set(0x0028_0008, "IS", "3");
        Assert.Equal([5, 6], TestPictures.Stored(writer, 2));
        Assert.Equal("holds 3 frames. Choose one: DicomOptions.Frame, 0 to 2.", TestPictures.Problem(writer));
        Assert.Equal("holds 3 frame(s); frame 3 was asked for, and they count from 0.", TestPictures.Problem(writer.ToArray(), new DicomOptions { Frame = 3 }));
        Assert.Equal("claims a NumberOfFrames (0028,0008) that is no whole number from 1. The file is damaged.", TestPictures.Problem(writer.Set(0x0028_0008, "IS", "0")));
        Assert.Equal(
            "holds 12 bytes of pixels; 2x1 pixels in 2147483647 frame(s) take 8589934588. The file is truncated or damaged: fetch it again.",
            TestPictures.Problem(writer.Set(0x0028_0008, "IS", "2147483647")));
    }

    [Fact]
    public void Frames_cannot_be_chosen_below_zero() =>
        Assert.Equal("Frames count from 0. (Parameter 'Frame')\nActual value was -1.", Assert.Throws<ArgumentOutOfRangeException>(() => new DicomOptions { Frame = -1 }).Message.ReplaceLineEndings("\n"));

    [Fact]
    public void YBR_FULL_becomes_RGB()
    {
        byte[] bytes = [76, 85, 255, 150, 44, 21, 29, 255, 107, 128, 128, 128]; // red, green, blue and gray by ITU-R 601
        var image = DicomFile.Parse(DicomWriter.Image(2, 2, 8, 8, bytes, 3, photometric: "YBR_FULL").ToArray(), "test.dcm").Render();
        byte[] expected = [254, 0, 0, 0, 255, 1, 0, 0, 254, 128, 128, 128];
        Assert.All(image.Pixels.Zip(expected), pair => Assert.InRange(pair.First - pair.Second, -1, 1));
    }

    [Fact]
    public void YBR_FULL_422_shares_colours_between_two_pixels()
    {
        byte[] bytes = [76, 128, 85, 255];
        var writer = DicomWriter.Image(2, 1, 8, 8, bytes, 3, photometric: "YBR_FULL_422");
        Assert.Equal([76, 85, 255, 128, 85, 255], TestPictures.Stored(writer));
        Assert.Equal("holds YBR_FULL_422 pixels in 1 columns, an odd number. The file is damaged.", TestPictures.Problem(writer.Set(0x0028_0011, "US", 1)));
    }

    [Fact]
    public void Colours_become_gray_when_asked()
    {
        byte[] bytes = [255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30];
        var image = DicomFile.Parse(DicomWriter.Image(2, 2, 8, 8, bytes, 3).ToArray(), "test.dcm").Render(new DicomOptions { Gray = true });
        Assert.Equal((1, 76, 150, 29, 18), (image.Channels, image.Pixels[0], image.Pixels[1], image.Pixels[2], image.Pixels[3]));
    }

    [Fact]
    public void Colours_of_sixteen_bits_are_scaled()
    {
        ushort[] values = [0, 32768, 65535];
        Assert.Equal([0, 128, 255], DicomFile.Parse(DicomWriter.Image(1, 1, 16, 16, values, 3).ToArray(), "test.dcm").Render().Pixels);
    }
}

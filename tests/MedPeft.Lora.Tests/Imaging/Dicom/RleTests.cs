using MedPeft.Lora.Tests.Imaging.Dicom.Writers;

namespace MedPeft.Lora.Tests.Imaging.Dicom;

public class RleTests
{
    [Theory]
    [InlineData(8, 1)]
    [InlineData(8, 3)]
    [InlineData(16, 1)]
    [InlineData(16, 3)]
    public void Bytes_and_samples_come_in_planes(int bits, int samples)
    {
        var pixels = TestPictures.Make(150, 12, samples, bits);
        var writer = DicomWriter.Image(150, 12, bits, bits, TestPictures.Fragment(RleEncoder.Encode(pixels, 150, samples, bits / 8)), samples, syntax: DicomWriter.Rle);
        Assert.Equal(TestPictures.ToInts(pixels), TestPictures.Stored(writer));
    }

    [Fact]
    public void The_control_byte_128_does_nothing_and_what_is_too_much_is_cut() =>
        Assert.Equal([7, 7, 7, 1], TestPictures.Stored(Gray(4, RleEncoder.Join([[128, 254, 7, 128, 0, 1, 128, 253, 9]]))));

    [Fact]
    public void Broken_frames_are_named()
    {
        Assert.Equal("holds an RLE frame of 2 segments; 1 sample(s) of 8 bits have 1. The file is damaged.", TestPictures.Problem(Gray(4, RleEncoder.Join([[3, 1, 2, 3, 4], [3, 1, 2, 3, 4]]))));
        Assert.Equal("holds an RLE frame of 6 bytes; its header alone takes 64. The file is truncated.", TestPictures.Problem(Gray(4, new byte[6])));
        Assert.Equal("ends inside an RLE segment, before all pixels are filled. The file is truncated: fetch it again.", TestPictures.Problem(Gray(4, RleEncoder.Join([[3, 1]]))));
        var wrong = RleEncoder.Join([[3, 1, 2, 3, 4]]);
        wrong[4] = 200;
        Assert.Equal("has RLE segment 0 at bytes 200 to 70 of 70. The file is truncated or damaged.", TestPictures.Problem(Gray(4, wrong)));
    }

    [Fact]
    public void A_bomb_is_refused_before_it_is_allocated()
    {
        var writer = DicomWriter.Image(8192, 8192, 8, 8, TestPictures.Fragment(RleEncoder.Join([[129, 0]])), syntax: DicomWriter.Rle).ToArray();
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal("ends inside an RLE segment, before all pixels are filled. The file is truncated: fetch it again.", TestPictures.Problem(writer));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    private static DicomWriter Gray(int columns, byte[] frame) => DicomWriter.Image(columns, 1, 8, 8, TestPictures.Fragment(frame), syntax: DicomWriter.Rle);
}

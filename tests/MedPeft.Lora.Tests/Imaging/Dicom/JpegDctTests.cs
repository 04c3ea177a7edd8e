using MedPeft.Lora.Imaging.Dicom.Codecs;
using MedPeft.Lora.Tests.Imaging.Dicom.Writers;

namespace MedPeft.Lora.Tests.Imaging.Dicom;

public class JpegDctTests
{
    [Theory]
    [InlineData(16, 16, 0)]
    [InlineData(19, 13, 0)]
    [InlineData(40, 24, 2)]
    [InlineData(1, 1, 1)]
    public void Twelve_bits_come_back_as_closely_as_rounded_coefficients_allow(int width, int height, int restart)
    {
        var pixels = TestPictures.Make(width, height, 1, 12);
        var writer = File(width, height, Jpeg12Encoder.Encode(pixels, width, height, restart));
        Assert.All(TestPictures.Stored(writer).Zip(pixels), pair => Assert.InRange(pair.First - pair.Second, -2, 2));
    }

    [Fact]
    public void The_transform_is_the_formula_of_the_standard()
    {
        var random = new Random(3);
        var block = new float[64];
        for (var i = 0; i < 64; i++) block[i] = random.Next(-2000, 2000);
        var expected = new double[64];
        for (var i = 0; i < 64; i++)
        {
            for (var k = 0; k < 64; k++)
            {
                var (x, y, u, v) = (i % 8, i / 8, k % 8, k / 8);
                expected[i] += block[k] / 4.0 * (u == 0 ? Math.Sqrt(0.5) : 1) * (v == 0 ? Math.Sqrt(0.5) : 1)
                    * Math.Cos(((2 * x) + 1) * u * Math.PI / 16) * Math.Cos(((2 * y) + 1) * v * Math.PI / 16);
            }
        }

        InverseDct.Transform(block);
        Assert.All(block.Zip(expected), pair => Assert.InRange(pair.First - pair.Second, -0.01, 0.01));
    }

    [Fact]
    public void Twelve_bit_colour_is_refused_by_name()
    {
        var jpeg = Jpeg12Encoder.Encode(new ushort[64], 8, 8, components: 3);
        Assert.Equal(
            "holds a JPEG picture of 12-bit colour, which is not decoded. Convert it: gdcmconv --raw in.dcm out.dcm",
            TestPictures.Problem(DicomWriter.Image(8, 8, 16, 12, TestPictures.Fragment(jpeg), 3, syntax: DicomWriter.JpegExtended)));
    }

    [Fact]
    public void A_picture_that_ends_early_names_the_row()
    {
        var jpeg = Jpeg12Encoder.Encode(TestPictures.Make(32, 32, 1, 12), 32, 32);
        Assert.Equal("holds a JPEG picture that ends before row 24 of 32. The file is truncated or damaged: fetch it again.", TestPictures.Problem(File(32, 32, jpeg[..^600])));
    }

    [Fact]
    public void A_lossless_picture_under_a_lossy_syntax_is_refused()
    {
        var jpeg = JpegLosslessEncoder.Encode(new ushort[64], 8, 8, 1, 12, 1);
        Assert.Equal(
            "holds a JPEG picture of the kind FFC3, but its transfer syntax says baseline or extended (FFC0, FFC1). Convert it: gdcmconv --raw in.dcm out.dcm",
            TestPictures.Problem(File(8, 8, jpeg)));
    }

    private static DicomWriter File(int columns, int rows, byte[] jpeg) =>
        DicomWriter.Image(columns, rows, 16, 12, TestPictures.Fragment(jpeg), syntax: DicomWriter.JpegExtended);
}

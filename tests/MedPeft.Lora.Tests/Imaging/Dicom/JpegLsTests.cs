using MedPeft.Lora.Tests.Imaging.Dicom.Writers;

namespace MedPeft.Lora.Tests.Imaging.Dicom;

public class JpegLsTests
{
    public static TheoryData<int> Precisions => [.. Enumerable.Range(2, 15)];

    [Theory]
    [MemberData(nameof(Precisions))]
    public void Every_precision_comes_back_exactly(int bits)
    {
        var pixels = TestPictures.Make(61, 47, 1, bits);
        Assert.Equal(TestPictures.ToInts(pixels), TestPictures.Stored(File(61, 47, bits, JpegLsEncoder.Encode(pixels, 61, 47, 1, bits))));
    }

    [Theory]
    [InlineData(2, 1)]
    [InlineData(8, 1)]
    [InlineData(8, 3)]
    [InlineData(8, 40)]
    [InlineData(12, 5)]
    [InlineData(16, 2)]
    [InlineData(16, 255)]
    public void Near_lossless_stays_within_its_error(int bits, int near)
    {
        var pixels = TestPictures.Make(61, 47, 1, bits);
        var stored = TestPictures.Stored(File(61, 47, bits, JpegLsEncoder.Encode(pixels, 61, 47, 1, bits, near)));
        Assert.All(stored.Zip(pixels), pair => Assert.InRange(pair.First - pair.Second, -near, near));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 0)]
    [InlineData(2, 0)]
    [InlineData(0, 2)]
    [InlineData(1, 2)]
    [InlineData(2, 2)]
    public void Colours_come_by_component_by_line_or_by_pixel(int interleave, int near)
    {
        var pixels = TestPictures.Make(37, 29, 3, 8);
        var stored = TestPictures.Stored(File(37, 29, 8, JpegLsEncoder.Encode(pixels, 37, 29, 3, 8, near, interleave), samples: 3));
        Assert.All(stored.Zip(pixels), pair => Assert.InRange(pair.First - pair.Second, -near, near));
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(0, 7)]
    [InlineData(1, 4)]
    [InlineData(2, 3)]
    public void Restart_intervals_begin_anew(int interleave, int rows)
    {
        var pixels = TestPictures.Make(33, 40, 3, 8);
        var stored = TestPictures.Stored(File(33, 40, 8, JpegLsEncoder.Encode(pixels, 33, 40, 3, 8, 0, interleave, rows), samples: 3));
        Assert.Equal(TestPictures.ToInts(pixels), stored);
    }

    [Theory]
    [InlineData(255, 5, 12, 40, 31)]
    [InlineData(200, 3, 7, 21, 64)]
    [InlineData(255, 1, 1, 1, 3)]
    public void Coding_parameters_of_the_stream_are_used(int max, int t1, int t2, int t3, int reset)
    {
        ushort[] pixels = [.. TestPictures.Make(61, 47, 1, 8).Select(p => Math.Min(p, (ushort)max))];
        var stored = TestPictures.Stored(File(61, 47, 8, JpegLsEncoder.Encode(pixels, 61, 47, 1, 8, preset: [max, t1, t2, t3, reset])));
        Assert.Equal(TestPictures.ToInts(pixels), stored);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 30)]
    [InlineData(30, 1)]
    public void Lines_of_one_sample_and_images_of_one_line_work(int width, int height)
    {
        var pixels = TestPictures.Make(width, height, 1, 12);
        Assert.Equal(TestPictures.ToInts(pixels), TestPictures.Stored(File(width, height, 12, JpegLsEncoder.Encode(pixels, width, height, 1, 12))));
    }

    [Fact]
    public void A_large_flat_image_takes_long_runs()
    {
        var pixels = new ushort[3000 * 200];
        pixels[^1] = 1;
        var jpeg = JpegLsEncoder.Encode(pixels, 3000, 200, 1, 8);
        Assert.InRange(jpeg.Length, 1, 400);
        Assert.Equal(TestPictures.ToInts(pixels), TestPictures.Stored(File(3000, 200, 8, jpeg)));
    }

    [Fact]
    public void A_picture_that_ends_early_is_an_error()
    {
        var jpeg = JpegLsEncoder.Encode(TestPictures.Make(40, 40, 1, 16), 40, 40, 1, 16);

        // Even lengths only: the byte that pads an odd one is data to the decoder.
        for (var length = 100; length < jpeg.Length - 4; length += 2)
            Assert.Matches("^holds a JPEG picture that ends (inside row [0-9]+ of 40|before its last row)\\.", TestPictures.Problem(File(40, 40, 16, jpeg[..length])));
    }

    [Fact]
    public void A_mapping_table_is_refused_by_name()
    {
        var jpeg = JpegLsEncoder.Encode(new ushort[4], 2, 2, 1, 8);
        byte[] table = [0xFF, 0xF8, 0, 6, 2, 1, 1, 0];
        Assert.Equal(
            "holds a JPEG picture with a mapping table or an oversize header (JPEG-LS), which is not decoded. Convert it: gdcmconv --raw in.dcm out.dcm",
            TestPictures.Problem(File(2, 2, 8, [.. jpeg[..2], .. table, .. jpeg[2..]])));
    }

    [Fact]
    public void A_small_picture_that_claims_to_be_large_ends_soon()
    {
        var jpeg = JpegLsEncoder.Encode(new ushort[4], 2, 2, 1, 8);
        var at = jpeg.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xFF, 0xF7]);
        (jpeg[at + 5], jpeg[at + 6], jpeg[at + 7], jpeg[at + 8]) = (0x20, 0, 0x20, 0);
        Assert.Equal("holds a JPEG picture that has 28 bytes for 8192 rows. The file is truncated or damaged: fetch it again.", TestPictures.Problem(File(8192, 8192, 8, jpeg)));
    }

    private static DicomWriter File(int columns, int rows, int bits, byte[] jpeg, int samples = 1) =>
        DicomWriter.Image(columns, rows, bits > 8 ? 16 : 8, bits, TestPictures.Fragment(jpeg), samples, syntax: DicomWriter.JpegLs);
}

using MedPeft.Lora.Tests.Imaging.Dicom.Writers;

namespace MedPeft.Lora.Tests.Imaging.Dicom;

public class JpegLosslessTests
{
    public static TheoryData<int, int> PredictorsAndBits
    {
        get
        {
            var data = new TheoryData<int, int>();
            for (var predictor = 1; predictor <= 7; predictor++)
            {
                for (var bits = 2; bits <= 16; bits++) data.Add(predictor, bits);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(PredictorsAndBits))]
    public void Every_predictor_and_precision_comes_back_exactly(int predictor, int bits)
    {
        var pixels = TestPictures.Make(23, 17, 1, bits);
        var jpeg = JpegLosslessEncoder.Encode(pixels, 23, 17, 1, bits, predictor);
        Assert.Equal(TestPictures.ToInts(pixels), TestPictures.Stored(File(23, 17, bits, jpeg)));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(4, 3)]
    [InlineData(7, 2)]
    public void Restart_intervals_begin_anew(int predictor, int rows)
    {
        var pixels = TestPictures.Make(19, 31, 1, 16);
        var jpeg = JpegLosslessEncoder.Encode(pixels, 19, 31, 1, 16, predictor, restartRows: rows);
        Assert.Equal(TestPictures.ToInts(pixels), TestPictures.Stored(File(19, 31, 16, jpeg)));
    }

    [Theory]
    [InlineData(2, 12)]
    [InlineData(7, 16)]
    public void A_point_transform_drops_low_bits(int shift, int bits)
    {
        var pixels = TestPictures.Make(19, 13, 1, bits);
        var jpeg = JpegLosslessEncoder.Encode(pixels, 19, 13, 1, bits, 5, shift);
        Assert.Equal(pixels.Select(p => p >> shift << shift), TestPictures.Stored(File(19, 13, bits, jpeg)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Colours_come_in_one_scan_or_in_three(bool interleaved)
    {
        var pixels = TestPictures.Make(21, 11, 3, 8);
        var jpeg = JpegLosslessEncoder.Encode(pixels, 21, 11, 3, 8, 6, restartRows: 2, interleaved: interleaved);
        Assert.Equal(TestPictures.ToInts(pixels), TestPictures.Stored(File(21, 11, 8, jpeg, samples: 3)));
    }

    [Fact]
    public void Values_wrap_at_65536_and_are_cut_only_when_stored()
    {
        // A maker's encoder that works on whole cells: 12 bits are promised, 16 are predicted from.
        ushort[] cells = [0xF123, 0x0456, 0xFFFF, 0x0001, 0x8000, 0x7FFF];
        var jpeg = JpegLosslessEncoder.Encode(cells, 3, 2, 1, 16, 7);
        var header = jpeg.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xFF, 0xC3]);
        jpeg[header + 4] = 12;

        // The first sample is predicted by half the promised range, so that all of them shift by the difference of the two halves.
        var offset = (1 << 11) - (1 << 15);
        Assert.Equal(cells.Select(cell => (cell + offset) & 0xFFF), TestPictures.Stored(File(3, 2, 12, jpeg)));
    }

    [Fact]
    public void A_signed_image_is_extended_from_its_stored_bits()
    {
        ushort[] pixels = [0x800, 0xFFF, 0, 0x7FF];
        var writer = DicomWriter.Image(2, 2, 16, 12, TestPictures.Fragment(JpegLosslessEncoder.Encode(pixels, 2, 2, 1, 12, 1)), signed: true, syntax: DicomWriter.JpegLosslessFirst);
        Assert.Equal([-2048, -1, 0, 2047], TestPictures.Stored(writer));
    }

    [Fact]
    public void A_picture_in_whole_cells_loses_the_bits_outside_the_stored_ones()
    {
        ushort[] cells = [0xF123, 0x0456, 0xA789, 0x5ABC];
        var writer = DicomWriter.Image(2, 2, 16, 12, TestPictures.Fragment(JpegLosslessEncoder.Encode(cells, 2, 2, 1, 16, 1)), syntax: DicomWriter.JpegLosslessFirst);
        Assert.Equal([0x123, 0x456, 0x789, 0xABC], TestPictures.Stored(writer));
    }

    [Fact]
    public void A_picture_of_another_size_is_refused_before_it_is_decoded()
    {
        var jpeg = JpegLosslessEncoder.Encode(new ushort[6], 3, 2, 1, 8, 1);
        Assert.Equal("holds a JPEG picture of 3x2 pixels with 1 component(s), but claims 4x2 with 1. The file is damaged.", TestPictures.Problem(File(4, 2, 8, jpeg)));
    }

    [Fact]
    public void A_small_picture_that_claims_to_be_large_is_refused_before_it_is_allocated()
    {
        var jpeg = JpegLosslessEncoder.Encode(new ushort[6], 3, 2, 1, 8, 1);
        var at = jpeg.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xFF, 0xC3]);
        (jpeg[at + 5], jpeg[at + 6], jpeg[at + 7], jpeg[at + 8]) = (0x20, 0, 0x20, 0);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal($"holds a JPEG picture that has {jpeg.Length + (jpeg.Length % 2)} bytes for 8192x8192 pixels. The file is truncated or damaged: fetch it again.", TestPictures.Problem(File(8192, 8192, 8, jpeg)));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Fact]
    public void A_picture_that_ends_early_names_the_row()
    {
        var pixels = TestPictures.Make(40, 40, 1, 16);
        var jpeg = JpegLosslessEncoder.Encode(pixels, 40, 40, 1, 16, 1)[..1000];
        Assert.StartsWith("holds a JPEG picture that ends inside row 1", TestPictures.Problem(File(40, 40, 16, jpeg)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_restart_marker_that_is_missing_is_an_error()
    {
        var jpeg = JpegLosslessEncoder.Encode(TestPictures.Make(16, 8, 1, 8), 16, 8, 1, 8, 1, restartRows: 4);
        var at = jpeg.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xFF, 0xD0]);
        jpeg[at + 1] = 0xD3;
        Assert.StartsWith("holds a JPEG picture that lacks the restart marker FFD0", TestPictures.Problem(File(16, 8, 8, jpeg)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_lossy_picture_under_a_lossless_syntax_is_refused() =>
        Assert.Equal(
            "holds a JPEG picture of the kind FFC1, but its transfer syntax says lossless (FFC3). The file is damaged.",
            TestPictures.Problem(File(8, 8, 12, Jpeg12Encoder.Encode(new ushort[64], 8, 8))));

    private static DicomWriter File(int columns, int rows, int bits, byte[] jpeg, int samples = 1) =>
        DicomWriter.Image(columns, rows, bits > 8 ? 16 : 8, bits, TestPictures.Fragment(jpeg), samples, syntax: DicomWriter.JpegLossless);
}

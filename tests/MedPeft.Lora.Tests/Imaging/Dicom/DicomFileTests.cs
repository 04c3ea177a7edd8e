using System.Text;
using MedPeft.Lora.Imaging;
using MedPeft.Lora.Tests.Imaging.Dicom.Writers;

namespace MedPeft.Lora.Tests.Imaging.Dicom;

public class DicomFileTests
{
    private static readonly ushort[] Pixels = TestPictures.Make(5, 4, 1, 12);

    public static TheoryData<string, bool, bool> Encodings => new()
    {
        { DicomWriter.ImplicitLittle, true, true },
        { DicomWriter.ExplicitLittle, true, true },
        { DicomWriter.ExplicitBig, true, true },
        { DicomWriter.Deflated, true, true },
        { DicomWriter.ExplicitLittle, false, true },
        { DicomWriter.ImplicitLittle, false, false },
        { DicomWriter.ExplicitLittle, false, false },
    };

    [Theory]
    [MemberData(nameof(Encodings))]
    public void Every_encoding_of_native_pixels_is_read(string syntax, bool preamble, bool meta)
    {
        var writer = Image(syntax);
        (writer.Preamble, writer.Meta) = (preamble, meta);
        var bytes = writer.ToArray();
        Assert.True(DicomFile.IsDicom(bytes));
        Assert.Equal(TestPictures.ToInts(Pixels), TestPictures.Stored(bytes));
    }

    [Theory]
    [InlineData(DicomWriter.ImplicitLittle, "SQ", true)]
    [InlineData(DicomWriter.ImplicitLittle, "SQ", false)]
    [InlineData(DicomWriter.ExplicitLittle, "SQ", true)]
    [InlineData(DicomWriter.ExplicitLittle, "SQ", false)]
    [InlineData(DicomWriter.ExplicitLittle, "UN", true)]
    [InlineData(DicomWriter.ExplicitBig, "SQ", true)]
    [InlineData(DicomWriter.ExplicitBig, "UN", true)]
    public void Sequences_are_stepped_over_with_all_they_hold(string syntax, string vr, bool undefined)
    {
        // An icon inside a sequence has rows and pixels of its own, which are not the image's.
        var icon = DicomWriter.Image(2, 2, 8, 8, new byte[4]).Set(0x0009_1001, "SQ", new ItemList(undefined, new DicomWriter(), new DicomWriter().Set(0x0008_0060, "CS", "MR")));
        var writer = Image(syntax).Set(0x0009_1002, vr, new ItemList(undefined, icon, icon));
        Assert.Equal(TestPictures.ToInts(Pixels), TestPictures.Stored(writer));
    }

    [Fact]
    public void What_training_needs_is_read()
    {
        var file = DicomFile.Parse(
            Image().Set(0x0018_0015, "CS", "CHEST").Set(0x0018_5101, "CS", "PA ").Set(0x0010_0040, "CS", "F").Set(0x0010_1010, "AS", "062Y").Set(0x0028_0301, "CS", "NO").ToArray(),
            "test.dcm");
        Assert.Equal((5, 4, 1, 1, 12), (file.Width, file.Height, file.Frames, file.Samples, file.BitsStored));
        Assert.Equal(("MONOCHROME2", "CR", "CHEST", "PA", "F"), (file.Photometric, file.Modality, file.BodyPart, file.ViewPosition, file.PatientSex));
        Assert.Equal((62.0, false), (file.PatientAge!.Value, file.BurnedInAnnotation!.Value));
        Assert.Equal("5x4 MONOCHROME2, 12 bits, 1 frame(s), explicit little endian (1.2.840.10008.1.2.1)", file.ToString());
    }

    [Theory]
    [InlineData("062Y", 62.0)]
    [InlineData("62", 62.0)]
    [InlineData("155", 155.0)]
    [InlineData("018M", 1.5)]
    [InlineData("Y", null)]
    [InlineData("-04Y", null)]
    [InlineData("ABCD", null)]
    [InlineData("0620Y", null)]
    public void An_age_may_lack_its_unit(string text, double? years) =>
        Assert.Equal(years, DicomFile.Parse(Image().Set(0x0010_1010, "AS", text).ToArray(), "test.dcm").PatientAge);

    [Fact]
    public void A_file_is_read_from_disk_and_a_missing_one_is_named()
    {
        var path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.dcm");
        var missing = Assert.Throws<ImageException>(() => DicomFile.Open(path));
        Assert.Equal((path, "cannot be opened (FileNotFoundException)."), (missing.File, missing.Problem));
        File.WriteAllBytes(path, Image().ToArray());
        try
        {
            Assert.Equal((5, 4), (DicomFile.Open(path).Render().Width, DicomFile.Open(path).Render().Height));
            Assert.StartsWith("has ", Assert.Throws<ImageException>(() => DicomFile.Open(path, new ImageLimits { MaxFileBytes = 100 })).Problem, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Bytes_handed_over_are_not_changed()
    {
        var bytes = Image().ToArray();
        var copy = bytes.ToArray();
        DicomFile.Parse(bytes, "test.dcm").Render();
        Assert.Equal(copy, bytes);
    }

    [Fact]
    public void Other_files_are_no_DICOM()
    {
        Assert.False(DicomFile.IsDicom("\x89PNG\r\n\x1a\n"u8));
        Assert.Equal("is no DICOM file: it has neither a preamble with 'DICM' nor a first element of group 0008.", TestPictures.Problem(Encoding.ASCII.GetBytes("version https://git-lfs.github.com/spec/v1")));
    }

    [Fact]
    public void Errors_say_what_was_found_and_what_to_do()
    {
        Assert.Equal("holds no pixel data (7FE0,0010): it is a report or another object without an image, or it is truncated.", TestPictures.Problem(Image().Set(0x7FE0_0010, "OW", null)));
        Assert.Equal("has no Rows (0028,0010), without which its pixels cannot be read. It may be a report or a structured object, not an image.", TestPictures.Problem(Image().Set(0x0028_0010, "US", null)));
        Assert.Equal("holds pixels of 32 bits (BitsAllocated); 8 and 16 are read. Radiographs have no others.", TestPictures.Problem(Image().Set(0x0028_0100, "US", 32)));
        Assert.Equal("claims BitsStored 17 and HighBit 11 in BitsAllocated 16, which do not fit. The file is damaged.", TestPictures.Problem(Image().Set(0x0028_0101, "US", 17)));
        Assert.Equal("has PALETTE COLOR pixels, which are not read. Convert it: dcmj2pnm --write-png in.dcm out.png", TestPictures.Problem(Image().Set(0x0028_0004, "CS", "PALETTE COLOR")));
        Assert.Equal("has HSV pixels; MONOCHROME1, MONOCHROME2, RGB, YBR_FULL and YBR_FULL_422 are read. Convert it: dcmj2pnm --write-png in.dcm out.png", TestPictures.Problem(Image().Set(0x0028_0004, "CS", "HSV")));
        Assert.Equal("claims 1 samples a pixel for RGB, which has 3. The file is damaged.", TestPictures.Problem(Image().Set(0x0028_0004, "CS", "RGB")));
        Assert.Equal("holds 40 bytes of pixels; 5x5 pixels in 1 frame(s) take 50. The file is truncated or damaged: fetch it again.", TestPictures.Problem(Image().Set(0x0028_0010, "US", 5)));
        Assert.Equal("has the transfer syntax '1.2.3', which is not read here. Convert it: gdcmconv --raw in.dcm out.dcm", TestPictures.Problem(Image("1.2.3")));
        Assert.Equal("holds MPEG-4 pixels (transfer syntax 1.2.840.10008.1.2.4.102), which are not decoded here. Convert it: gdcmconv --raw in.dcm out.dcm", TestPictures.Problem(Image("1.2.840.10008.1.2.4.102").Set(0x7FE0_0010, "OB", TestPictures.Fragment(new byte[4]))));
        Assert.Equal("holds pixels without fragments, which JPEG-LS lossless (1.2.840.10008.1.2.4.80) does not have. The file is damaged.", TestPictures.Problem(Image(DicomWriter.JpegLs)));
        Assert.Equal("holds pixels in fragments, which explicit little endian (1.2.840.10008.1.2.1) does not have. The file is damaged.", TestPictures.Problem(Image().Set(0x7FE0_0010, "OB", TestPictures.Fragment(new byte[4]))));
    }

    [Fact]
    public void A_size_over_the_limits_is_refused()
    {
        var error = Assert.Throws<ImageException>(() => DicomFile.Parse(Image().ToArray(), "test.dcm", new ImageLimits { MaxPixels = 19 }));
        Assert.StartsWith("claims 5x4 pixels; the limits are", error.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void An_element_may_not_come_twice()
    {
        var bytes = Image().ToArray();
        var rows = bytes.AsSpan().IndexOf((ReadOnlySpan<byte>)[0x28, 0, 0x10, 0, (byte)'U', (byte)'S']);
        bytes[rows + 12] = 0x10;
        Assert.Equal("holds the element (0028,0010) twice, so its meaning is open. The file is damaged.", TestPictures.Problem(bytes));
    }

    private static DicomWriter Image(string syntax = DicomWriter.ExplicitLittle) => DicomWriter.Image(5, 4, 16, 12, Pixels, syntax: syntax);
}

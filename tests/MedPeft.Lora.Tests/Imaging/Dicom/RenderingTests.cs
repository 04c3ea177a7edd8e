using MedPeft.Lora.Imaging;
using MedPeft.Lora.Tests.Imaging.Dicom.Writers;

namespace MedPeft.Lora.Tests.Imaging.Dicom;

public class RenderingTests
{
    private const string Ignored = "The window (0028,1050) and (0028,1051) is ignored: ";

    [Theory]
    [InlineData("LINEAR", 2048, 4096)]
    [InlineData("LINEAR", 100, 1)]
    [InlineData("LINEAR", 1000.5, 200)]
    [InlineData("LINEAR_EXACT", 2048, 4096)]
    [InlineData("LINEAR_EXACT", 1000, 0.5)]
    [InlineData("SIGMOID", 2048, 1024)]
    public void Windows_follow_the_formulas_of_the_standard(string function, double center, double width)
    {
        var values = Enumerable.Range(0, 4096).Select(i => (ushort)i).ToArray();
        var image = Render(Window(DicomWriter.Image(64, 64, 16, 12, values), FormattableString.Invariant($"{center}"), FormattableString.Invariant($"{width}"), function));
        for (var v = 0; v < 4096; v++)
        {
            var shade = function switch
            {
                "SIGMOID" => 255 / (1 + Math.Exp(-4 * (v - center) / width)),
                "LINEAR_EXACT" => v <= center - (width / 2) ? 0 : v > center + (width / 2) ? 255 : (((v - center) / width) + 0.5) * 255,
                _ => v <= center - 0.5 - ((width - 1) / 2) ? 0 : v > center - 0.5 + ((width - 1) / 2) ? 255 : (((v - (center - 0.5)) / (width - 1)) + 0.5) * 255,
            };
            Assert.InRange(image.Pixels[v] - shade, -0.5000001, 0.5000001);
        }
    }

    [Fact]
    public void Of_several_windows_the_first_is_taken() =>
        Assert.Equal([0, 128, 255], Render(Window(Gray(0, 1000, 2000), "1000\\5", "2001\\7")).Pixels);

    [Theory]
    [InlineData("1000,5", "100", "it is no number")]
    [InlineData("NaN", "100", "it is no number")]
    [InlineData("1000", "1e999", "it is no number")]
    [InlineData("1000", "0", "its width is too small")]
    [InlineData("1000", "-5", "its width is too small")]
    [InlineData("1000", "", "half of it is missing")]
    [InlineData("", "100", "half of it is missing")]
    public void A_bad_window_is_ignored_and_reported(string center, string width, string reason)
    {
        var remarks = new List<string>();
        var image = Render(Window(Gray(0, 500, 1000), center, width), remarks: remarks);
        Assert.Equal([0, 128, 255], image.Pixels);
        Assert.Equal([$"{Ignored}{reason}.", "The values 0 to 1000 are shown (percentiles 0.5 to 99.5)."], remarks);
    }

    [Fact]
    public void An_unknown_function_is_linear_and_reported()
    {
        var remarks = new List<string>();
        Assert.Equal([0, 128, 255], Render(Window(Gray(0, 1000, 2000), "1000", "2001", "WAVY"), remarks: remarks).Pixels);
        Assert.Equal(["The VOI LUT function (0028,1056) is unknown; LINEAR is used."], remarks);
    }

    [Fact]
    public void Without_a_window_percentiles_decide()
    {
        var values = Enumerable.Range(0, 1000).Select(i => (ushort)(i < 990 ? i + 1000 : 65535)).ToArray();
        var remarks = new List<string>();
        Render(DicomWriter.Image(40, 25, 16, 16, values), new DicomOptions { LowPercentile = 1, HighPercentile = 99 }, remarks);
        Assert.Equal(["The values 1009 to 1989 are shown (percentiles 1 to 99)."], remarks);
    }

    [Fact]
    public void Padding_does_not_count_in_percentiles()
    {
        var remarks = new List<string>();
        var image = Gray(65535, 65535, 65534, 100, 150, 200).Set(0x0028_0120, "US", 65534).Set(0x0028_0121, "US", 65535);
        Assert.Equal([255, 255, 255, 0, 128, 255], Render(image, remarks: remarks).Pixels);
        Assert.Equal(["The values 100 to 200 are shown (percentiles 0.5 to 99.5)."], remarks);
    }

    [Fact]
    public void A_constant_image_is_black() => Assert.Equal([0, 0], Render(Gray(77, 77)).Pixels);

    [Fact]
    public void Percentiles_must_be_in_order() =>
        Assert.Equal(
            "LowPercentile is 60 and HighPercentile 50; the first must be smaller.",
            Assert.Throws<ArgumentException>(() => Render(Gray(1, 2), new DicomOptions { LowPercentile = 60, HighPercentile = 50 })).Message);

    [Fact]
    public void Rescaling_comes_before_the_window()
    {
        var image = Window(Gray(0, 100, 200).Set(0x0028_1052, "DS", "-1000").Set(0x0028_1053, "DS", "10"), "0", "2001");
        Assert.Equal([0, 128, 255], Render(image).Pixels);
        Assert.Equal(
            "has a RescaleSlope (0028,1053) or RescaleIntercept (0028,1052) that is no number or zero, so its values have no meaning. The file is damaged.",
            TestPictures.Problem(image.Set(0x0028_1053, "DS", "0")));
    }

    [Theory]
    [InlineData("MONOCHROME1", null)]
    [InlineData("MONOCHROME1", "INVERSE")]
    [InlineData("MONOCHROME2", "INVERSE")]
    public void White_is_low_for_MONOCHROME1_and_for_an_inverse_presentation(string photometric, string? shape) =>
        Assert.Equal([255, 127, 0], Render(Window(Gray(0, 1000, 2000), "1000", "2001").Set(0x0028_0004, "CS", photometric).Set(0x2050_0020, "CS", shape)).Pixels);

    [Theory]
    [InlineData(DicomWriter.ExplicitLittle, true)]
    [InlineData(DicomWriter.ExplicitLittle, false)]
    [InlineData(DicomWriter.ImplicitLittle, true)]
    [InlineData(DicomWriter.ExplicitBig, false)]
    public void A_modality_table_comes_first_and_holds_at_its_ends(string syntax, bool undefined)
    {
        var table = Table(0x0028_3000, "SS", [3, unchecked((ushort)-1), 16], [100, 300, 700], undefined);
        var image = Window(DicomWriter.Image(5, 1, 16, 16, new ushort[] { 0xFFF0, 0xFFFF, 0, 1, 50 }, signed: true, syntax: syntax), "400", "601");
        table(image);
        Assert.Equal([0, 0, 85, 255, 255], Render(image).Pixels);
    }

    [Theory]
    [InlineData(12)]
    [InlineData(16)]
    public void A_VOI_table_wins_over_the_window(int bits)
    {
        var top = (ushort)((1 << bits) - 1);
        var image = Window(Gray(9, 10, 11, 12, 13), "500", "3");
        Table(0x0028_3010, "US", [3, 10, (ushort)bits], [top, 0, (ushort)(top / 2)], false)(image);
        Assert.Equal([255, 255, 0, 127, 127], Render(image).Pixels);
    }

    [Fact]
    public void A_table_of_bytes_is_read()
    {
        var image = Gray(0, 1, 2, 3);
        image.Set(0x0028_3010, "SQ", new ItemList(false, new DicomWriter().Set(0x0028_3002, "US", new ushort[] { 4, 0, 8 }).Set(0x0028_3006, "OW", new byte[] { 255, 0, 100, 200 })));
        Assert.Equal([255, 0, 100, 200], Render(image).Pixels);
    }

    [Fact]
    public void A_broken_VOI_table_is_ignored_and_reported_and_a_broken_modality_table_is_an_error()
    {
        var remarks = new List<string>();
        var image = Window(Gray(0, 1000, 2000), "1000", "2001");
        Table(0x0028_3010, "US", [0, 0, 16], [1, 2, 3], true)(image);
        Assert.Equal([0, 128, 255], Render(image, remarks: remarks).Pixels);
        Assert.Equal(["The VOI lookup table (0028,3010) is ignored: it holds 6 bytes for 65536 entries of 16 bits."], remarks);
        Table(0x0028_3000, "US", [3, 0, 99], [1, 2, 3], true)(image);
        Assert.Equal("has a modality lookup table (0028,3000) that claims 99 bits an entry; 8 to 16 are defined, so its values have no meaning. The file is damaged.", TestPictures.Problem(image));
    }

    [Fact]
    public void Functional_groups_are_reported()
    {
        var remarks = new List<string>();
        Render(Window(Gray(0, 1), "1", "2").Set(0x5200_9229, "SQ", new ItemList(true, new DicomWriter())), remarks: remarks);
        Assert.Equal(["The file has functional groups (5200,9229); windows and rescaling inside them are not read."], remarks);
    }

    private static DicomWriter Gray(params ushort[] values) => DicomWriter.Image(values.Length, 1, 16, 16, values);

    private static DicomWriter Window(DicomWriter image, string center, string width, string? function = null) =>
        image.Set(0x0028_1050, "DS", center).Set(0x0028_1051, "DS", width).Set(0x0028_1056, "CS", function);

    private static Action<DicomWriter> Table(uint tag, string vr, ushort[] descriptor, ushort[] entries, bool undefined) =>
        image => image.Set(tag, "SQ", new ItemList(undefined, new DicomWriter().Set(0x0028_3002, vr, descriptor).Set(0x0028_3006, "US", entries)));

    private static PixelImage Render(DicomWriter image, DicomOptions? options = null, ICollection<string>? remarks = null) =>
        DicomFile.Parse(image.ToArray(), "test.dcm").Render(options, remarks);
}

using System.Text;
using MedPeft.Lora.Imaging;
using MedPeft.Lora.Tests.Imaging.Dicom.Writers;

namespace MedPeft.Lora.Tests.Imaging.Dicom;

public class PrivacyTests
{
    private const string Secret = "DOE^JANE^SECRET";

    [Fact]
    public void No_name_or_identifier_comes_out_wherever_it_is_written()
    {
        var writer = DicomWriter.Image(4, 4, 16, 12, new ushort[16]);
        foreach (var tag in new uint[] { 0x0008_0050, 0x0008_0080, 0x0008_0090, 0x0008_1030, 0x0010_0010, 0x0010_0020, 0x0010_0030, 0x0010_1040, 0x0010_4000, 0x0020_0010, 0x0028_4000, 0x0040_A123 })
            writer.Set(tag, "LO", Secret);

        // Also where codes, numbers and tables belong.
        foreach (var tag in new uint[] { 0x0008_0060, 0x0010_0040, 0x0010_1010, 0x0018_0015, 0x0018_5101, 0x0028_0301, 0x0028_1050, 0x0028_1051, 0x0028_1056, 0x2050_0020 })
            writer.Set(tag, "LO", Secret);

        var remarks = new List<string>();
        var file = DicomFile.Parse(writer.ToArray(), "test.dcm");
        file.Render(null, remarks);
        var text = new StringBuilder(file.ToString()).AppendJoin(' ', remarks);
        foreach (var property in typeof(DicomFile).GetProperties()) text.Append(' ').Append(property.GetValue(file));
        foreach (var tag in new uint[] { 0x0028_0004, 0x0028_0008, 0x0028_1053 }) text.Append(' ').Append(TestPictures.Problem(writer.Set(tag, "LO", Secret)));
        text.Append(' ').Append(TestPictures.Problem(new DicomWriter { Syntax = Secret }));
        foreach (var part in Secret.Split('^')) Assert.DoesNotContain(part, text.ToString(), StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData(DicomWriter.ExplicitLittle)]
    [InlineData(DicomWriter.Deflated)]
    public void The_bytes_around_the_pixels_are_wiped(string syntax)
    {
        var path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.dcm");
        File.WriteAllBytes(path, DicomWriter.Image(64, 64, 8, 8, new byte[4096], syntax: syntax).Set(0x0010_0010, "PN", Secret).Set(0x0028_4000, "LT", Secret).ToArray());
        try
        {
            var file = DicomFile.Open(path);
            Assert.Equal(-1, file.Buffer.AsSpan().IndexOf("SECRET"u8));
            Assert.Equal(64, file.Render().Width);
        }
        finally
        {
            File.Delete(path);
        }
    }
}

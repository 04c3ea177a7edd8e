using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Tests.Imaging.Dicom;

/// <summary>Files that DCMTK and GDCM encoded (Files/README.md): lossless ones must equal their source, lossy ones what DCMTK decodes.</summary>
public class OutsideFilesTests
{
    private static readonly Lazy<string> Folder = new(Find);

    public static TheoryData<string> Encoded =>
        [.. Directory.GetFiles(Folder.Value, "*-*.dcm").Select(path => Path.GetFileName(path)!)
            .Where(name => !name.Contains("expected", StringComparison.Ordinal) && name is not ("g8.gdcm-j2k.dcm" or "rgb.gdcm-ybr.dcm")).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Encoded))]
    public void Decodes_to_the_reference(string name)
    {
        // The integer transform of DCMTK's 12-bit decoder and ours in floating point may round apart by one.
        var tolerance = name.Contains("extended12", StringComparison.Ordinal) ? 1 : 0;
        var expected = Path.Combine(Folder.Value, Path.ChangeExtension(name, ".expected.dcm"));
        var reference = DicomFile.Open(File.Exists(expected) ? expected : Path.Combine(Folder.Value, name.Split('.')[0] + ".dcm"));
        var file = DicomFile.Open(Path.Combine(Folder.Value, name));

        Assert.Equal((reference.Width, reference.Height, reference.Frames), (file.Width, file.Height, file.Frames));
        for (var frame = 0; frame < file.Frames; frame++)
        {
            var (ours, theirs) = (file.Decode(frame, out var isRgb), reference.Decode(frame, out _));
            Assert.Equal(theirs.Signed, ours.Signed);
            Assert.Equal(file.Samples == 3, isRgb);
            var worst = ours.Values.Zip(theirs.Values).Max(pair => Math.Abs(ours.Number(pair.First) - theirs.Number(pair.Second)));
            Assert.InRange(worst, 0, tolerance);
        }
    }

    [Fact]
    public void Full_range_YBR_is_turned_back_to_the_colours_it_was_made_from()
    {
        var (ybr, rgb) = (DicomFile.Open(Path.Combine(Folder.Value, "rgb.gdcm-ybr.dcm")).Render(), DicomFile.Open(Path.Combine(Folder.Value, "rgb.dcm")).Render());
        Assert.All(ybr.Pixels.Zip(rgb.Pixels), pair => Assert.InRange(pair.First - pair.Second, -2, 2));
    }

    [Fact]
    public void JPEG_2000_is_refused_with_the_command_that_helps() =>
        Assert.Equal(
            "holds JPEG 2000 lossless pixels (transfer syntax 1.2.840.10008.1.2.4.90), which are not decoded here. Convert it: gdcmconv --raw in.dcm out.dcm",
            TestPictures.Problem(File.ReadAllBytes(Path.Combine(Folder.Value, "g8.gdcm-j2k.dcm"))));

    private static string Find()
    {
        var inside = Path.Combine("tests", "MedPeft.Lora.Tests", "Imaging", "Dicom", "Files");
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (Directory.Exists(Path.Combine(folder.FullName, inside))) return Path.Combine(folder.FullName, inside);
        }

        throw new DirectoryNotFoundException($"No folder '{inside}' above {AppContext.BaseDirectory}. Run the tests inside the checkout.");
    }
}

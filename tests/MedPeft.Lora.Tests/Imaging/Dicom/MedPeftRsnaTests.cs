using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using MedPeft.Lora.Imaging;
using MedPeft.Lora.Tests.Imaging.Dicom.Writers;

namespace MedPeft.Lora.Tests.Imaging.Dicom;

/// <summary>Against OpenCV's convertScaleAbs, as golden/images/convert_scale_abs.json holds it.</summary>
public class MedPeftRsnaTests
{
    private static readonly JsonElement Golden = JsonDocument.Parse(File.ReadAllText(Tests.Golden.Path("images/convert_scale_abs.json"))).RootElement;

    [Fact]
    public void Eight_bits_follow_OpenCV()
    {
        foreach (var table in Golden.GetProperty("u8_tables").EnumerateObject())
        {
            var max = int.Parse(table.Name, System.Globalization.CultureInfo.InvariantCulture);
            var image = DicomWriter.Image(max + 1, 1, 8, 8, Enumerable.Range(0, max + 1).Select(i => (byte)i).ToArray());
            Assert.Equal(Bytes(table.Value), Render(image).Pixels);
        }
    }

    [Fact]
    public void Eight_bits_follow_OpenCV_for_every_maximum_there_is()
    {
        // The record holds the hash of the tables for 1 to 255 as Python's json.dumps writes them.
        var tables = Enumerable.Range(1, 255).Select(max =>
        {
            var image = DicomWriter.Image(max + 1, 1, 8, 8, Enumerable.Range(0, max + 1).Select(i => (byte)i).ToArray());
            return $"\"{max}\": [{string.Join(", ", Render(image).Pixels)}]";
        });
        var text = $"{{{string.Join(", ", tables)}}}";
        Assert.Equal(Golden.GetProperty("u8_table_sha256").GetString(), Convert.ToHexString(SHA256.HashData(Encoding.ASCII.GetBytes(text))).ToLowerInvariant());
    }

    [Fact]
    public void Sixteen_bits_follow_OpenCV()
    {
        var expected = Bytes(Golden.GetProperty("u16_max510_first8"));
        Assert.Equal(expected, Render(DicomWriter.Image(9, 1, 16, 16, new ushort[] { 0, 1, 2, 3, 4, 5, 6, 7, 510 })).Pixels[..8]);
    }

    [Fact]
    public void Negative_values_fold_as_in_OpenCV()
    {
        var expected = Bytes(Golden.GetProperty("int16_range_m300_300_alpha_255_over_300"));
        var image = DicomWriter.Image(601, 1, 16, 16, Enumerable.Range(-300, 601).Select(i => (ushort)i).ToArray(), signed: true);
        Assert.Equal(expected, Render(image).Pixels);
    }

    [Fact]
    public void MONOCHROME1_is_inverted_after_scaling_and_windows_do_not_matter()
    {
        var image = DicomWriter.Image(3, 1, 8, 8, new byte[] { 0, 50, 100 }, photometric: "MONOCHROME1")
            .Set(0x0028_1050, "DS", "50").Set(0x0028_1051, "DS", "10").Set(0x0028_1052, "DS", "-7").Set(0x0028_1053, "DS", "3");
        Assert.Equal([255, 127, 0], Render(image).Pixels);
    }

    [Fact]
    public void A_black_image_stays_black()
    {
        var remarks = new List<string>();
        Assert.Equal([0, 0], DicomFile.Parse(DicomWriter.Image(2, 1, 8, 8, new byte[2]).ToArray(), "x").Render(new DicomOptions { Windowing = DicomWindowing.MedPeftRsna }, remarks).Pixels);
        Assert.Equal(["The largest value is 0, by which MED-PEFT divides: the image is black, as its own becomes."], remarks);
    }

    private static PixelImage Render(DicomWriter image) => DicomFile.Parse(image.ToArray(), "x").Render(new DicomOptions { Windowing = DicomWindowing.MedPeftRsna });

    private static byte[] Bytes(JsonElement array) => [.. array.EnumerateArray().Select(value => value.GetByte())];
}

using MedPeft.Lora.Imaging;
using MedPeft.Lora.Tests.Imaging.Dicom.Writers;

namespace MedPeft.Lora.Tests.Imaging;

public class ImageDecoderTests
{
    private static readonly byte[] Ramp = [.. Enumerable.Range(0, 48).Select(i => (byte)(i * 5))];

    [Fact]
    public void Gray_png_stays_one_channel()
    {
        var image = Decode(TestImages.Png(8, 6, 0, 8, Ramp));
        Assert.Equal((8, 6, 1), (image.Width, image.Height, image.Channels));
        Assert.Equal(Ramp, image.Pixels);
    }

    [Fact]
    public void Color_png_keeps_its_bytes() => Assert.Equal(Ramp, Decode(TestImages.Png(4, 4, 2, 8, Ramp)).Pixels);

    [Fact]
    public void Alpha_is_dropped_and_never_multiplied_in()
    {
        byte[] rgba = [200, 100, 50, 0, 10, 20, 30, 1, 1, 2, 3, 255, 255, 254, 253, 128];
        Assert.Equal([200, 100, 50, 10, 20, 30, 1, 2, 3, 255, 254, 253], Decode(TestImages.Png(2, 2, 6, 8, rgba)).Pixels);
        var gray = Decode(TestImages.Png(2, 2, 4, 8, [200, 0, 100, 1, 50, 128, 25, 255]));
        Assert.Equal(1, gray.Channels);
        Assert.Equal([200, 100, 50, 25], gray.Pixels);
    }

    [Fact]
    public void Transparent_colors_stay_as_they_are()
    {
        var gray = Decode(TestImages.Png(2, 1, 0, 8, [7, 9], ("tRNS", [0, 7])));
        Assert.Equal(1, gray.Channels);
        Assert.Equal([7, 9], gray.Pixels);
        Assert.Equal([7, 8, 9], Decode(TestImages.Png(1, 1, 2, 8, [7, 8, 9], ("tRNS", [0, 7, 0, 8, 0, 9]))).Pixels);
    }

    [Fact]
    public void Palettes_become_colors()
    {
        var image = Decode(TestImages.Png(2, 1, 3, 8, [1, 0], ("PLTE", [1, 2, 3, 200, 100, 50]), ("tRNS", [0])));
        Assert.Equal([200, 100, 50, 1, 2, 3], image.Pixels);
    }

    [Fact]
    public void Fewer_bits_are_stretched_to_eight()
    {
        Assert.Equal([255, 0, 255, 255], Decode(TestImages.Png(4, 1, 0, 1, [0b1011_0000])).Pixels);
        Assert.Equal([0, 85, 170, 255], Decode(TestImages.Png(4, 1, 0, 2, [0b00_01_10_11])).Pixels);
        Assert.Equal([17, 255], Decode(TestImages.Png(2, 1, 0, 4, [0x1F])).Pixels);
    }

    [Fact]
    public void Sixteen_bits_are_scaled_and_not_cut_off()
        => Assert.Equal([0, 0, 1, 128, 255], Decode(TestImages.Png(5, 1, 0, 16, [0, 0, 0, 255, 1, 0, 128, 0, 255, 255])).Pixels);

    [Fact]
    public void Color_profiles_do_not_change_a_pixel()
    {
        var plain = Decode(TestImages.Png(4, 4, 2, 8, Ramp));
        var tagged = Decode(TestImages.Png(4, 4, 2, 8, Ramp, ("gAMA", [0, 0, 0x80, 0]), ("cHRM", new byte[32])));
        Assert.Equal(plain.Pixels, tagged.Pixels);
    }

    [Fact]
    public void Gray_jpeg_stays_one_channel_and_color_jpeg_has_three()
    {
        Assert.Equal(1, Decode(TestImages.Jpeg(TestImages.Noise(20, 10, 1))).Channels);
        Assert.Equal(3, Decode(TestImages.Jpeg(TestImages.Noise(20, 10, 3))).Channels);
    }

    [Theory]
    [InlineData("00000001_000.png")]
    [InlineData("00027426_000.png")]
    public void Real_radiographs_open(string name)
    {
        var image = ImageDecoder.Decode(Golden.Data("nih/" + name));
        Assert.Equal((512, 512, 1), (image.Width, image.Height, image.Channels));
        Assert.InRange(image.Pixels.Average(p => p), 60, 200);
    }

    [Fact]
    public void A_real_radiograph_resized_equals_the_source_of_the_augmentation_references()
    {
        var random = new SampleRandom(0);
        var expected = GoldenImages.Load("augment", GoldenImages.Read("augment/manifest.json").GetProperty("src"));
        GoldenImages.Same(expected, new Resize(224).Apply(ImageDecoder.Decode(Golden.Data("nih/00000001_000.png")), ref random));
    }

    [Fact]
    public void A_missing_file_is_named()
    {
        var error = Assert.Throws<ImageException>(() => ImageDecoder.Decode("/nowhere/a.png"));
        Assert.Equal("'/nowhere/a.png' does not exist. Check the data set's root folder and the list that names it.", error.Message);
        Assert.Equal("/nowhere/a.png", error.File);
        Assert.DoesNotContain("nowhere", error.Problem);
    }

    [Fact]
    public void A_folder_is_named()
    {
        var folder = Path.GetTempPath();
        Assert.Equal($"'{folder}' is a folder; an image file belongs here.", Assert.Throws<ImageException>(() => ImageDecoder.Decode(folder)).Message);
    }

    [Fact]
    public void What_is_no_image_is_named()
    {
        Assert.Equal("'x' is empty (0 bytes). Fetch it again.", Error([]));
        Assert.Equal("'x' is a run of zero bytes, as an interrupted copy leaves it; PNG, JPEG and DICOM are read here. Convert it, or leave it out of the list.", Error(new byte[100]));
        Assert.Equal(
            "'x' is an HTML page, not an image: the download saved a login or error page. Fetch the file itself.", Error("\n<!DOCTYPE HTML><html>"u8.ToArray()));
        Assert.Equal("'x' is a git-lfs pointer, not an image. Run 'git lfs pull' where it came from.", Error("version https://git-lfs.github.com/spec/v1\noid"u8.ToArray()));
        Assert.Equal("'x' is a GIF image; PNG, JPEG and DICOM are read here. Convert it, or leave it out of the list.", Error("GIF89a......"u8.ToArray()));
        Assert.StartsWith("'x' names no transfer syntax (0002,0010)", Error([.. new byte[128], .. "DICM"u8]));
        Assert.Equal(
            "'x' is no PNG, JPEG or DICOM image: it starts with 50726E6D6172792C. Convert it, or leave it out of the list.", Error("Prnmary,csv"u8.ToArray()));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Dicom_files_are_rendered_by_their_content_whatever_their_name(bool preamble)
    {
        var writer = DicomWriter.Image(4, 1, 8, 8, new byte[] { 0, 20, 40, 60 }).Set(0x0028_1050, "DS", "20").Set(0x0028_1051, "DS", "41");
        (writer.Preamble, writer.Meta) = (preamble, preamble);
        var file = writer.ToArray();
        GoldenImages.Same(DicomFile.Parse(file, "x").Render(), Decode(file));
        GoldenImages.Same(new PixelImage(4, 1, 1, [0, 85, 170, 255]), ImageDecoder.Decode(file, "x", dicom: DicomOptions.MedPeftRsna));
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, file);
            GoldenImages.Same(Decode(file), ImageDecoder.Decode(path));
            GoldenImages.Same(new PixelImage(4, 1, 1, [0, 85, 170, 255]), ImageDecoder.Decode(path, dicom: DicomOptions.MedPeftRsna));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Decoding_a_dicom_file_leaves_the_callers_bytes_alone()
    {
        var file = DicomWriter.Image(4, 1, 8, 8, new byte[4]).Set(0x0010_0010, "PN", "NOBODY").ToArray();
        var copy = (byte[])file.Clone();
        Decode(file);
        Assert.Equal(copy, file);
    }

    [Fact]
    public void A_truncated_png_is_an_error()
    {
        var png = TestImages.Png(TestImages.Noise(64, 64, 1));
        Assert.Equal($"'x' is truncated: it ends after {png.Length * 9 / 10} bytes, before its last pixel. Fetch it again.", Error(png[..(png.Length * 9 / 10)]));
    }

    [Fact]
    public void A_decompression_bomb_is_refused_before_anything_is_allocated()
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal(
            "'x' claims 100000x100000 pixels; the limits are 16384x16384 and 67,108,864 pixels in all. If the file can be trusted, raise ImageLimits.",
            Error(TestImages.Png(100_000, 100_000, 0, 8, new byte[100_000])));
        Assert.Equal(
            "'x' claims 16000x16000 pixels; the limits are 16384x16384 and 67,108,864 pixels in all. If the file can be trusted, raise ImageLimits.",
            Error(TestImages.Png(16_000, 16_000, 0, 8, new byte[16_000])));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 20_000_000);
    }

    [Fact]
    public void Sizes_of_zero_and_beyond_a_signed_integer_are_refused()
    {
        Assert.StartsWith("'x' claims 0x5 pixels; an image has at least one.", Error(TestImages.Png(0, 5, 0, 8, new byte[5])));
        Assert.StartsWith("'x' claims 2147483647x5 pixels; the limits are", Error(TestImages.Png(-1, 5, 0, 8, new byte[5])));
    }

    [Fact]
    public void Limits_can_be_set()
    {
        var png = TestImages.Png(8, 6, 0, 8, Ramp);
        Assert.Equal(
            "'x' claims 8x6 pixels; the limits are 7x16384 and 67,108,864 pixels in all. If the file can be trusted, raise ImageLimits.", Error(png, new() { MaxWidth = 7 }));
        Assert.Equal(
            "'x' claims 8x6 pixels; the limits are 16384x16384 and 47 pixels in all. If the file can be trusted, raise ImageLimits.", Error(png, new() { MaxPixels = 47 }));
        Assert.Equal($"'x' has {png.Length} bytes; the limit is 10. If the file can be trusted, raise ImageLimits.MaxFileBytes.", Error(png, new() { MaxFileBytes = 10 }));
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => new ImageLimits { MaxHeight = 0 });
        Assert.StartsWith("MaxHeight ('0') must be a non-negative and non-zero value.", error.Message);
        error = Assert.Throws<ArgumentOutOfRangeException>(() => new ImageLimits { MaxPixels = int.MaxValue });
        Assert.StartsWith("MaxPixels ('2147483647') must be less than or equal to '715827863'.", error.Message);
    }

    [Fact]
    public void A_file_over_the_limit_is_refused_before_it_is_read()
    {
        var path = Path.GetTempFileName();
        try
        {
            using (var file = File.OpenWrite(path)) file.SetLength(3L << 30);
            var error = Assert.Throws<ImageException>(() => ImageDecoder.Decode(path));
            Assert.Equal($"'{path}' has 3,221,225,472 bytes; the limit is 268,435,456. If the file can be trusted, raise ImageLimits.MaxFileBytes.", error.Message);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void A_jpeg_of_twelve_bits_is_named()
    {
        var jpeg = TestImages.Jpeg(TestImages.Noise(8, 8, 1));
        jpeg[Frame(jpeg) + 4] = 12;
        Assert.Equal("'x' is a JPEG image of 12 bits a sample; 8 are read here. Convert it to a 16-bit PNG image.", Error(jpeg));
    }

    [Fact]
    public void A_jpeg_of_endless_scans_is_refused()
    {
        var jpeg = TestImages.Jpeg(TestImages.Noise(8, 8, 1));
        byte[] scan = [0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0];
        Assert.Equal(
            "'x' holds 1001 scans; a JPEG file has at most 128 here. It is damaged or made to keep a decoder busy.",
            Error([.. jpeg[..^2], .. Enumerable.Repeat(scan, 1000).SelectMany(s => s), .. jpeg[^2..]]));
    }

    [Theory]
    [InlineData("gray.png")]
    [InlineData("color.png")]
    [InlineData("palette.png")]
    [InlineData("gray.jpg")]
    [InlineData("color.jpg")]
    public void Every_cut_and_every_flipped_byte_ends_in_an_image_or_one_kind_of_error(string kind)
    {
        var file = kind switch
        {
            "gray.png" => TestImages.Png(TestImages.Noise(9, 7, 1)),
            "color.png" => TestImages.Png(TestImages.Noise(9, 7, 3)),
            "palette.png" => TestImages.Png(4, 4, 3, 8, new byte[16], ("PLTE", [1, 2, 3, 4, 5, 6]), ("tRNS", [0, 1])),
            "gray.jpg" => TestImages.Jpeg(TestImages.Noise(9, 7, 1)),
            _ => TestImages.Jpeg(TestImages.Noise(9, 7, 3)),
        };
        var limits = new ImageLimits { MaxPixels = 1 << 20 };
        Assert.Null(Attempt(file, limits));
        var errors = 0;
        for (var i = 0; i < file.Length; i++)
        {
            if (Attempt(file[..i], limits) is not null) errors++;
            foreach (var flip in new byte[] { 0xFF, 0x01, 0x80 })
            {
                var damaged = (byte[])file.Clone();
                damaged[i] ^= flip;
                Attempt(damaged, limits);
            }
        }

        // Only the few bytes behind the last pixel can be missing.
        Assert.InRange(errors, file.Length - 20, file.Length);
    }

    private static ImageException? Attempt(byte[] data, ImageLimits limits)
    {
        try
        {
            var image = ImageDecoder.Decode(data, "x", limits);
            Assert.InRange(image.Width * image.Height, 1, 1 << 20);
            return null;
        }
        catch (ImageException e)
        {
            Assert.StartsWith("'x' ", e.Message);
            return e;
        }
    }

    private static int Frame(byte[] jpeg)
    {
        for (var i = 0; ; i++)
            if (jpeg[i] == 0xFF && jpeg[i + 1] is 0xC0 or 0xC2) return i;
    }

    private static PixelImage Decode(byte[] data) => ImageDecoder.Decode(data, "x");

    private static string Error(byte[] data, ImageLimits? limits = null) => Assert.Throws<ImageException>(() => ImageDecoder.Decode(data, "x", limits)).Message;
}

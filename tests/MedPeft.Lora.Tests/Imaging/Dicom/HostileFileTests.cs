using System.Diagnostics;
using MedPeft.Lora.Imaging;
using MedPeft.Lora.Tests.Imaging.Dicom.Writers;

namespace MedPeft.Lora.Tests.Imaging.Dicom;

/// <summary>Whatever a file holds, reading it ends in an image or in one kind of error, soon and in little memory.</summary>
public class HostileFileTests
{
    private const int MostBytes = 24 << 20;

    public static TheoryData<string> Seeds => [.. MakeSeeds().Keys];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void A_file_cut_or_changed_at_any_byte_gives_an_image_or_an_error(string name)
    {
        var seed = MakeSeeds()[name];
        for (var i = 0; i < seed.Length; i++)
        {
            Try(seed[..i]);
            foreach (var flip in (byte[])[0x01, 0x80, 0xFF])
            {
                var changed = seed.ToArray();
                changed[i] ^= flip;
                Try(changed);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Several_changes_at_once_give_an_image_or_an_error(string name)
    {
        var seed = MakeSeeds()[name];
        var random = new Random(11);
        for (var i = 0; i < 500; i++)
        {
            var changed = seed.ToArray();
            for (var n = random.Next(2, 8); n > 0; n--) changed[random.Next(changed.Length)] = (byte)(random.Next(3) switch { 0 => 0xFF, 1 => 0, _ => random.Next(256) });
            Try(changed);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Twenty_thousand_open_sequences_are_an_error(bool implicitVr)
    {
        using var stream = new MemoryStream();
        for (var i = 0; i < 20_000; i++)
        {
            DicomWriter.WriteHead(stream, 0x0008_1140, "SQ", uint.MaxValue, implicitVr, false);
            DicomWriter.WriteHead(stream, 0xFFFE_E000, "", uint.MaxValue, implicitVr, false);
        }

        var file = new DicomWriter { Syntax = implicitVr ? DicomWriter.ImplicitLittle : DicomWriter.ExplicitLittle }.ToArray();
        Assert.Equal("nests sequences more than 64 levels deep, which no radiograph does. The file is damaged or hostile.", TestPictures.Problem([.. file, .. stream.ToArray()]));
    }

    [Theory]
    [InlineData(0x7FFF_FFFFu)]
    [InlineData(0xFFFF_FFFEu)]
    [InlineData(41u)]
    public void A_length_past_the_end_is_an_error_and_no_allocation(uint length)
    {
        var file = DicomWriter.Image(5, 4, 16, 12, new ushort[20]).ToArray();
        BitConverter.TryWriteBytes(file.AsSpan(file.Length - 44), length);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal($"has an element (7FE0,0010) of {length} bytes at byte {file.Length - 52}, where 40 are left. The file is truncated or damaged: fetch it again.", TestPictures.Problem(file));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Fact]
    public void A_deflate_bomb_stops_at_the_limit()
    {
        var bomb = DicomWriter.Image(5, 4, 16, 12, new ushort[20], syntax: DicomWriter.Deflated).Set(0x0009_1001, "UN", new byte[64 << 20]).ToArray();
        Assert.InRange(bomb.Length, 1, 100_000);
        var error = Assert.Throws<ImageException>(() => DicomFile.Parse(bomb, "x", new ImageLimits { MaxFileBytes = 1 << 20 }));
        Assert.Equal("unfolds to more than 1048576 bytes. If the file can be trusted, raise ImageLimits.MaxFileBytes.", error.Problem);
    }

    [Fact]
    public void A_size_that_no_array_holds_is_refused_whatever_the_limits()
    {
        var image = DicomWriter.Image(25_000, 25_000, 8, 8, new byte[4]);
        var error = Assert.Throws<ImageException>(() => DicomFile.Parse(image.ToArray(), "x", new ImageLimits { MaxWidth = 65_535, MaxHeight = 65_535, MaxPixels = Array.MaxLength / 3 }));
        Assert.Equal("claims 25000x25000 pixels, more than one array holds. Tile the image first.", error.Problem);
    }

    [Fact]
    public void Thousands_of_scans_of_nothing_are_refused()
    {
        var jpeg = JpegLosslessEncoder.Encode(new ushort[64], 8, 8, 1, 8, 1);
        jpeg[jpeg.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xFF, 0xC3]) + 1] = 0xC0;
        var scan = jpeg.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xFF, 0xDA]);
        byte[] many = [.. jpeg[..^2], .. Enumerable.Repeat(jpeg[scan..^2], 5000).SelectMany(part => part)];
        Assert.Equal(
            "holds a JPEG picture that has more than 1 scan(s). The file is truncated or damaged: fetch it again.",
            TestPictures.Problem(DicomWriter.Image(8, 8, 8, 8, TestPictures.Fragment(many), syntax: DicomWriter.JpegBaseline)));
    }

    [Fact]
    public void Thousands_of_tables_are_refused()
    {
        var table = new JpegWriter().FlatHuffman(0, 1, 1).End()[2..^2];
        byte[] many = [0xFF, 0xD8, .. Enumerable.Repeat(table, 5000).SelectMany(part => part), 0xFF, 0xD9];
        Assert.Equal(
            "holds a JPEG picture that has more than 1,024 Huffman tables. The file is truncated or damaged: fetch it again.",
            TestPictures.Problem(DicomWriter.Image(8, 8, 8, 8, TestPictures.Fragment(many), syntax: DicomWriter.JpegLossless)));
    }

    [Fact]
    public void Millions_of_empty_fragments_are_read_in_a_moment()
    {
        var file = DicomWriter.Image(8, 8, 8, 8, new FragmentList([], [.. Enumerable.Repeat(Array.Empty<byte>(), 200_000)]), syntax: DicomWriter.JpegLs).Set(0x0028_0008, "IS", "100000").ToArray();
        var watch = Stopwatch.StartNew();
        Assert.Throws<ImageException>(() => DicomFile.Parse(file, "x").Render(new DicomOptions { Frame = 99_999 }));
        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 2);
    }

    private static void Try(byte[] file)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            var parsed = DicomFile.Parse(file, "x");
            var image = parsed.Render(new DicomOptions { Frame = 0 });
            Assert.Equal((parsed.Width, parsed.Height), (image.Width, image.Height));
        }
        catch (ImageException)
        {
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, MostBytes);
    }

    private static SortedDictionary<string, byte[]> MakeSeeds()
    {
        var (gray8, gray12, colour) = (TestPictures.Make(11, 7, 1, 8), TestPictures.Make(11, 7, 1, 12), TestPictures.Make(6, 5, 3, 8));
        DicomWriter Gray(string syntax, object pixels, int bits = 12) => DicomWriter.Image(11, 7, bits > 8 ? 16 : 8, bits, pixels, syntax: syntax);
        DicomWriter Coded(string syntax, byte[] frame, int bits = 12) => Gray(syntax, TestPictures.Fragment(frame), bits);
        DicomWriter Colour(string syntax, byte[] frame) => DicomWriter.Image(6, 5, 8, 8, TestPictures.Fragment(frame), 3, syntax: syntax);
        var table = new ItemList(true, new DicomWriter().Set(0x0028_3002, "US", new ushort[] { 4, 0, 16 }).Set(0x0028_3006, "US", new ushort[] { 0, 10, 60, 65535 }));
        return new SortedDictionary<string, byte[]>(
            new Dictionary<string, DicomWriter>
            {
                ["implicit"] = Gray(DicomWriter.ImplicitLittle, gray12).Set(0x0028_3000, "SQ", table),
                ["explicit"] = Gray(DicomWriter.ExplicitLittle, gray12).Set(0x0028_3010, "SQ", table).Set(0x0028_1050, "DS", "100").Set(0x0028_1051, "DS", "50").Set(0x0028_1053, "DS", "2"),
                ["big"] = Gray(DicomWriter.ExplicitBig, gray12).Set(0x0009_1001, "UN", table),
                ["deflated"] = Gray(DicomWriter.Deflated, gray12),
                ["rle"] = Coded(DicomWriter.Rle, RleEncoder.Encode(gray12, 11, 1, 2)),
                ["lossless"] = Coded(DicomWriter.JpegLossless, JpegLosslessEncoder.Encode(gray12, 11, 7, 1, 12, 6, restartRows: 2)),
                ["lossless colour"] = Colour(DicomWriter.JpegLossless, JpegLosslessEncoder.Encode(colour, 6, 5, 3, 8, 1)),
                ["extended"] = Coded(DicomWriter.JpegExtended, Jpeg12Encoder.Encode(gray12, 11, 7, 1)),
                ["jpeg-ls"] = Coded(DicomWriter.JpegLs, JpegLsEncoder.Encode(gray12, 11, 7, 1, 12, restartRows: 3, preset: [4095, 18, 67, 276, 64])),
                ["jpeg-ls near"] = Coded(DicomWriter.JpegLsNear, JpegLsEncoder.Encode(gray8, 11, 7, 1, 8, near: 2), 8),
                ["jpeg-ls lines"] = Colour(DicomWriter.JpegLs, JpegLsEncoder.Encode(colour, 6, 5, 3, 8, interleave: 1)),
                ["jpeg-ls pixels"] = Colour(DicomWriter.JpegLs, JpegLsEncoder.Encode(colour, 6, 5, 3, 8, interleave: 2)),
                ["frames"] = Gray(DicomWriter.JpegLs, new FragmentList([0, 0, 0, 0, 200, 0, 0, 0], JpegLsEncoder.Encode(gray8, 11, 7, 1, 8), JpegLsEncoder.Encode(gray8, 11, 7, 1, 8)), 8).Set(0x0028_0008, "IS", "2"),
                ["baseline"] = DicomWriter.Image(16, 8, 8, 8, TestPictures.Fragment(SmallBaseline()), syntax: DicomWriter.JpegBaseline),
            }.ToDictionary(pair => pair.Key, pair => pair.Value.ToArray()),
            StringComparer.Ordinal);
    }

    /// <summary>Two flat blocks of 8-bit gray.</summary>
    private static byte[] SmallBaseline()
    {
        var bits = new BitWriter(stuffBit: false);
        bits.Put(3, 4); // a mean of three bits: 5
        bits.Put(5, 3);
        bits.Put(0, 4); // no more in this block
        bits.Put(2, 4); // a difference of two bits: -3
        bits.Put(0, 2);
        bits.Put(0, 4);
        return new JpegWriter().Segment(0xDB, [0, .. Enumerable.Repeat((byte)8, 64)]).Frame(0xC0, 8, 16, 8, 1)
            .FlatHuffman(0x00, 12, 4).FlatHuffman(0x10, 11, 4).Scan([0], 0, 63, 0, bits.ToArray()).End();
    }
}

using MedPeft.Lora.Tests.Imaging.Dicom.Writers;

namespace MedPeft.Lora.Tests.Imaging.Dicom;

public class FragmentTests
{
    private static readonly ushort[][] Frames = [TestPictures.Make(9, 7, 1, 8, 1), TestPictures.Make(9, 7, 1, 8, 2), TestPictures.Make(9, 7, 1, 8, 3)];
    private static readonly byte[][] Coded = [.. Frames.Select(pixels => Even(JpegLsEncoder.Encode(pixels, 9, 7, 1, 8)))];

    [Fact]
    public void Fragments_of_one_frame_are_joined() =>
        Assert.Equal(TestPictures.ToInts(Frames[0]), TestPictures.Stored(Image(1, new FragmentList([], Coded[0][..20], Coded[0][20..30], [], Coded[0][30..]))));

    [Fact]
    public void As_many_fragments_as_frames_need_no_table() => AllFramesCome(new FragmentList([], Coded));

    [Fact]
    public void A_table_tells_split_frames_apart() =>
        AllFramesCome(new FragmentList(Table(0, 16 + Coded[0].Length, 24 + Coded[0].Length + Coded[1].Length), Coded[0][..10], Coded[0][10..], Coded[1], Coded[2]));

    [Fact]
    public void Without_a_table_split_frames_end_at_their_marker() =>
        AllFramesCome(new FragmentList([], Coded[0][..10], Coded[0][10..], Coded[1], Coded[2][..12], Coded[2][12..]));

    [Theory]
    [InlineData(0, 1, 2)]
    [InlineData(8, 100, 200)]
    [InlineData(0, 0, 0)]
    [InlineData(0, -1, -2)]
    public void A_wrong_table_is_not_used(int first, int second, int third) => AllFramesCome(new FragmentList(Table(first, second, third), Coded));

    [Fact]
    public void Frames_that_cannot_be_told_apart_are_an_error() =>
        Assert.Equal(
            "holds 4 fragments for 3 frames and no usable table of offsets, so its frames cannot be told apart. Rewrite it: gdcmconv --raw in.dcm out.dcm",
            Assert.Throws<MedPeft.Lora.Imaging.ImageException>(() => MedPeft.Lora.Imaging.DicomFile.Parse(Image(3, new FragmentList([], new byte[4], new byte[4], new byte[4], new byte[4])).ToArray(), "x").Render(new() { Frame = 1 })).Problem);

    [Fact]
    public void Pixels_without_a_fragment_are_an_error() =>
        Assert.Equal("holds no fragment of pixel data. The file is truncated or damaged.", TestPictures.Problem(Image(1, new FragmentList([]))));

    [Fact]
    public void Pixels_without_their_delimiter_are_an_error()
    {
        var bytes = Image(1, new FragmentList([], Coded[0])).ToArray();
        Assert.Equal("ends before the delimiter (FFFE,E0DD) of its pixel data. The file is truncated: fetch it again.", TestPictures.Problem(bytes[..^8]));
    }

    private static void AllFramesCome(FragmentList list)
    {
        for (var frame = 0; frame < 3; frame++) Assert.Equal(TestPictures.ToInts(Frames[frame]), TestPictures.Stored(Image(3, list), frame));
    }

    private static DicomWriter Image(int frames, FragmentList list) =>
        DicomWriter.Image(9, 7, 8, 8, list, syntax: DicomWriter.JpegLs).Set(0x0028_0008, "IS", $"{frames}");

    private static byte[] Table(params int[] offsets) => [.. offsets.SelectMany(BitConverter.GetBytes)];

    private static byte[] Even(byte[] bytes) => bytes.Length % 2 == 0 ? bytes : [.. bytes, 0];
}

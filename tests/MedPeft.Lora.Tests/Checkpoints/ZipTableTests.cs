using MedPeft.Lora.Checkpoints;

namespace MedPeft.Lora.Tests.Checkpoints;

public class ZipTableTests
{
    private static readonly byte[] Pickle = PickleWriter.Dict(("a", writer => writer.Tensor("0", 6, 0, [2, 3], [3, 1])));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Zip64_fields_are_followed(bool zip64)
    {
        using var folder = new TempFolder();
        using var file = Checkpoint.Open(folder.File("x.pth", Good().Build(zip64)));
        using var tensor = file.Read("a");
        Assert.Equal(PickleWriter.Data(24), tensor.bytes.ToArray());
    }

    [Fact]
    public void A_file_beyond_4_GiB_is_read()
    {
        // Sparse: the five gigabytes in front are a hole that takes no disk and that nobody reads.
        using var folder = new TempFolder();
        const long Size = 5L << 30;
        var path = folder.File("large.pth");
        WriteLarge(path, Size);
        using var file = Checkpoint.Open(path);
        using var tensor = file.Read("a");
        Assert.Equal(Enumerable.Range(1, 6).Select(i => (float)i), tensor.data<float>().ToArray());
        Assert.Equal(Size, file.Tensors["hole"].Bytes);
    }

    [Fact]
    public void A_wrong_checksum_is_found_at_the_read_and_at_the_map_but_only_of_its_own_tensor()
    {
        using var folder = new TempFolder();
        var two = PickleWriter.Dict(("a", w => w.Tensor("0", 6, 0, [2, 3], [3, 1])), ("b", w => w.Tensor("1", 6, 2, [2], [1])), ("c", w => w.Tensor("1", 6, 0, [6], [1])));
        var bytes = PickleWriter.Zip(two, ("0", 24), ("1", 24));
        bytes[bytes.AsSpan().LastIndexOf(PickleWriter.Data(24)) + 1] ^= 4;
        using var file = Checkpoint.Open(folder.File("x.pth", bytes));
        file.Read("a").Dispose();
        foreach (var name in new[] { "b", "c" })
        {
            Assert.Matches("^the checksum of the bytes is [0-9a-f]{8}, but the archive states [0-9a-f]{8}. The file is damaged: fetch it again.$", Assert.Throws<CheckpointException>(() => file.Read(name)).Reason);
            Assert.Equal("archive/data/1", Assert.Throws<CheckpointException>(() => file.Map(name)).Entry);
        }
    }

    [Fact]
    public void A_wrong_checksum_of_the_pickle_is_found_at_once() =>
        Refused("the checksum of the bytes is ", new ZipBuilder().Add("archive/data.pkl", Pickle, entry => entry with { Crc = 1 }).Add("archive/data/0", new byte[24]));

    [Fact]
    public void Entries_that_contradict_one_another_are_refused()
    {
        Refused("the archive holds this entry twice", Good().Add("archive/data/0", new byte[24]));
        Refused("the entry begins at 0, inside the one that ends at ", Good().Add("archive/data/1", Pickle, entry => entry with { At = 0, LocalName = "archive/data.pkl" }));
        Refused("the entry calls itself 'archive/data.pkl'", new ZipBuilder().Add("archive/other", [1], entry => entry with { LocalName = "archive/data.pkl" }));
        Refused("bytes go past the archive's directory", Good().Add("archive/data/1", new byte[8], entry => entry with { Size = 1000 }));
        Refused("the entry lies outside the file", Good().Add("archive/data/1", new byte[8], entry => entry with { At = 1 << 30 }));
        Refused("the entry begins at 200, inside the one that ends at ", Good().Add("archive/data/1", new byte[8], entry => entry with { At = 200 }));
        Refused("the entry lies outside of 'archive/'", Good().Add("other/data/0", new byte[24]));
    }

    [Theory]
    [InlineData("../data.pkl")]
    [InlineData("/etc/passwd")]
    [InlineData("archive/../../x")]
    [InlineData("archive\\data.pkl")]
    [InlineData("archive/a\nb")]
    public void Names_that_are_paths_are_refused(string name) => Refused("the entry's name would leave its folder or cannot be shown", Good().Add(name, [1]));

    [Fact]
    public void Features_that_torch_never_uses_are_refused()
    {
        Refused("the entry is encrypted", Good().Add("archive/data/1", [1], entry => entry with { Flags = 0x809 }));
        Refused("the entry uses unknown features (flags 0x0820)", Good().Add("archive/data/1", [1], entry => entry with { Flags = 0x820 }));
        Refused("the entry is compressed (method 8); torch.save stores its entries. Load the file in Python and save it again by torch.save.", Good().Add("archive/data/1", [1], entry => entry with { Method = 8 }));
        Refused("the byte order is 'middle'", Good().Add("archive/byteorder", "middle"u8.ToArray()));
        using var folder = new TempFolder();
        Assert.Contains("something was appended", Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder.File("x.pth", Good().Build(tail: [0])))).Reason, StringComparison.Ordinal);
    }

    private static ZipBuilder Good() => new ZipBuilder().Add("archive/data.pkl", Pickle).Add("archive/data/0", PickleWriter.Data(24)).Add("archive/version", "3\n"u8.ToArray());

    private static void Refused(string reason, ZipBuilder zip)
    {
        using var folder = new TempFolder();
        var error = Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder.File("x.pth", zip.Build())));
        Assert.Contains(reason, error.Reason, StringComparison.Ordinal);
        Assert.NotNull(error.Entry);
    }

    private static void WriteLarge(string path, long size)
    {
        // The builder's archive with the hole's bytes inserted, and every later offset moved by as much.
        var pickle = PickleWriter.Dict(("hole", w => w.Tensor("0", size, 0, [size], [1], "ByteStorage")), ("a", w => w.Tensor("1", 6, 0, [6], [1])));
        var values = Enumerable.Range(1, 6).SelectMany(i => BitConverter.GetBytes((float)i)).ToArray();
        var small = new ZipBuilder().Add("archive/data.pkl", pickle).Add("archive/data/0", [], entry => entry with { Size = size }).Add("archive/data/1", values).Build(zip64: true);
        var hole = small.AsSpan().IndexOf("archive/data/0"u8) + "archive/data/0"u8.Length + 4;
        var later = small.AsSpan().LastIndexOf("archive/data/1"u8) + "archive/data/1"u8.Length + 4 + 16;
        var end = small.Length - 22 - 20 - 56;
        foreach (var at in new[] { later, end + 48, end + 56 + 8 }) BitConverter.TryWriteBytes(small.AsSpan(at), BitConverter.ToInt64(small, at) + size);
        using var stream = File.Create(path);
        stream.Write(small.AsSpan(0, hole));
        stream.Position += size;
        stream.Write(small.AsSpan(hole));
    }
}

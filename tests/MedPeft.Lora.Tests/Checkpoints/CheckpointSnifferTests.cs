using System.Text;
using MedPeft.Lora.Checkpoints;

namespace MedPeft.Lora.Tests.Checkpoints;

public class CheckpointSnifferTests
{
    private const string Wanted = "Read are safetensors files (single or by their index), and PyTorch's .pth, .pt and .bin.";

    public static TheoryData<string, byte[], string> Mistakes => new()
    {
        { "mrm.pth", "<!DOCTYPE html>\n<html><head><title>Sign in</title>"u8.ToArray(), "this is a web page ('<!DOCTYPE html>'), not a checkpoint: the address led to a login, warning or error page. Open it in a browser and save the file itself." },
        { "mrm.pth", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 343261633\n"u8.ToArray(), "this is a Git LFS pointer: the text that stands for the checkpoint of 343261633 bytes in a clone without LFS. Run 'git lfs pull' in the clone, or download the file itself." },
        { "mrm.pth", [], "the file is empty. Its download or copy was interrupted: fetch it again." },
        { "mrm.pth", new byte[4096], "the file begins with zeros only: its download was interrupted. Fetch it again." },
        { "mrm.pth", "Not Found"u8.ToArray(), "this is a text ('Not Found'), not a checkpoint. " + Wanted },
        { "mrm.pth", "{\"error\":\"Access denied\"}"u8.ToArray(), "this is a JSON text without 'weight_map', not a checkpoint. Of a sharded checkpoint open the index, e.g. model.safetensors.index.json; of a PEFT folder the file adapter_model.safetensors." },
        { "mrm.pth", "{\"weight_map\":{"u8.ToArray(), "this looks like the index of a sharded checkpoint, but is not valid JSON. The file is damaged: fetch it again." },
        { "mrm.pth", [0x1f, 0x8b, 8, 0, 0], "this is a gzip archive, not a checkpoint. Unpack it first." },
        { "mrm.h5", [0x89, .. "HDF\r\n"u8], "this is an HDF5 file (Keras), not a checkpoint. " + Wanted },
        { "mrm.pth", [0xde, 0xad, 0xbe, 0xef], "this is no checkpoint of a known form; it begins with the bytes DEADBEEF. " + Wanted },
        { "mrm.pkl", [0x80, 2, .. "}."u8], "this is a plain Python pickle, not a file of torch.save. Load it in Python where it comes from, and save its weights: torch.save(weights, \"weights.pth\")." },
        { "mrm.pkl", [0x80, 9, .. "}."u8], "this may be a Python pickle, but its protocol 9 is not 2 to 5. " + Wanted },
        { "mrm.tar", [.. new byte[] { 0x73 }, .. new byte[256], .. "ustar"u8, .. new byte[250]], "this is a tar archive: PyTorch's form of before 0.1.10, or a packed folder. Unpack it, or load it in an old PyTorch and save it again." },
        { "mrm.pth", [.. "PK\u0003\u0004"u8, .. new byte[200]], "the archive's end is missing: the download or copy was interrupted, or something was appended. Fetch the file again." },
    };

    [Theory]
    [MemberData(nameof(Mistakes))]
    public void The_usual_mistakes_are_called_by_their_names(string name, byte[] content, string reason)
    {
        using var folder = new TempFolder();
        var error = Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder.File(name, content)));
        Assert.Equal(reason, error.Reason);
        Assert.Throws<CheckpointException>(() => PickleCheckpoint.Open(folder.File(name)));
    }

    [Fact]
    public void A_folder_and_a_missing_file_are_called_by_their_names()
    {
        using var folder = new TempFolder();
        Assert.EndsWith(": this is a folder. Name the checkpoint file in it.", Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder.Path)).Message, StringComparison.Ordinal);
        Assert.Equal("'no.pth': the file cannot be opened: there is no such file or folder.", Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder.File("no.pth"))).Message);
    }

    [Fact]
    public void A_zip_archive_of_something_else_says_what_it_holds()
    {
        using var folder = new TempFolder();
        var zip = new ZipBuilder().Add("report/word.xml", "x"u8.ToArray()).Build();
        Assert.Equal("this zip archive is no PyTorch checkpoint: it has no data.pkl. It holds 'report/word.xml'. If the checkpoint is inside, unpack it first.",
            Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder.File("x.zip", zip))).Reason);
    }

    [Fact]
    public void A_safetensors_file_is_known_whatever_its_first_bytes_look_like()
    {
        // Header lengths of 640 (0x0280, as a pickle begins) and 123 ('{', as JSON begins).
        using var folder = new TempFolder();
        foreach (var length in new[] { 640, 123 })
        {
            var header = """{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""".PadRight(length);
            using var file = Checkpoint.Open(folder.File("a.bin", SafetensorsTests.Bytes(header, 1)));
            Assert.Equal("safetensors", file.Kind);
        }

        var damaged = SafetensorsTests.Bytes("{\"a\":1}", 0);
        damaged[7] = 0x80;
        Assert.Contains("the header would have", Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder.File("b.bin", damaged))).Reason, StringComparison.Ordinal);
        Assert.Equal("this is a safetensors file or index, not a PyTorch checkpoint. Open it by Checkpoint.Open.",
            Assert.Throws<CheckpointException>(() => PickleCheckpoint.Open(folder.File("a.bin"))).Reason);
    }

    [Fact]
    public void Text_from_a_file_cannot_reach_the_terminal()
    {
        using var folder = new TempFolder();
        var error = Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder.File("x.pth", Encoding.UTF8.GetBytes("bad \u202e text\ttab" + new string('y', 400)))));
        Assert.StartsWith("this is a text ('bad \\u202e text\\u0009tab" + new string('y', 46) + "…')", error.Reason, StringComparison.Ordinal);
    }
}

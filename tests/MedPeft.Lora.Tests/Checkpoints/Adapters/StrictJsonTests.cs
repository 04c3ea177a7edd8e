using System.Text;
using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Checkpoints.Adapters;

namespace MedPeft.Lora.Tests.Checkpoints.Adapters;

public sealed class StrictJsonTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("", "the file is empty. Its download or copy was interrupted: fetch it again.")]
    [InlineData("{", "this is no valid JSON. The file is damaged: fetch it again.")]
    [InlineData("{} {}", "this is no valid JSON. The file is damaged: fetch it again.")]
    [InlineData("[1]", "this is a JSON array where an object should be. Fetch the file again.")]
    [InlineData("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "this is a Git LFS pointer, the text that stands for a file in a clone without LFS. Run 'git lfs pull' in the clone.")]
    [InlineData("<!DOCTYPE html>", "this is a web page, not a JSON text. Open the address in a browser and save the file itself.")]
    [InlineData("{\"a\": {\"r\": 1, \"r\": 2}}", "the key appears twice, and readers would differ on which one counts. Do not use this file.")]
    [InlineData("{\"a\": \"\u00ff\"}", "this is no valid UTF-8 text. The file is damaged: fetch it again.")]
    public void What_is_no_plain_object_is_refused(string text, string reason)
    {
        var path = _folder.File("x.json", Encoding.Latin1.GetBytes(text));
        Assert.Equal(reason, Assert.Throws<CheckpointException>(() => StrictJson.Read(path)).Reason);
    }

    [Fact]
    public void Nesting_and_size_are_bounded()
    {
        var deep = _folder.File("deep.json", Encoding.ASCII.GetBytes("{\"a\":" + new string('[', 100_000) + new string(']', 100_000) + "}"));
        Assert.Equal("this is no valid JSON. The file is damaged: fetch it again.", Assert.Throws<CheckpointException>(() => StrictJson.Read(deep)).Reason);
        using (var large = File.OpenWrite(_folder.File("large.json"))) large.SetLength((16 << 20) + 1);
        Assert.Equal("this JSON text has 16777217 bytes; such a file has at most 16777216.", Assert.Throws<CheckpointException>(() => StrictJson.Read(_folder.File("large.json"))).Reason);
    }

    [Fact]
    public void A_file_cut_or_flipped_is_read_or_refused_by_the_one_exception()
    {
        var bytes = File.ReadAllBytes(Golden.Path("peft/lora_patterns/adapter_config.json"));
        var (read, refused) = (0, 0);
        for (var i = 0; i < bytes.Length; i += 5)
            foreach (var damaged in new[] { bytes[..i], [.. bytes[..i], (byte)(bytes[i] ^ 0x40), .. bytes[(i + 1)..]] })
                try
                {
                    var config = PeftConfig.Read(_folder.File("adapter_config.json", damaged));
                    config.Targets("blocks.0.attn.qkv", linear: true);
                    config.Of("rank_pattern", "blocks.0.attn.qkv", 8);
                    read++;
                }
                catch (CheckpointException)
                {
                    refused++;
                }
        Assert.True(refused > read, $"{read} read, {refused} refused");
    }
}

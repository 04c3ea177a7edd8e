using System.Diagnostics;
using System.Text;
using MedPeft.Lora.Checkpoints;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Checkpoints;

/// <summary>Every byte of small files of each kind is damaged in turn, and every length is cut.</summary>
public class DamagedFilesTests
{
    // The safetensors and the legacy form carry no checksum: there a changed value is not to be told from a right one.
    public static TheoryData<string, bool> Files => new()
    {
        { "adapter.safetensors", false },
        { "bigendian.pth", true },
        { "layouts.pth", true },
        { "protocol4.pth", true },
        { "refused_module.pth", true },
        { "layouts_legacy.pth", false },
        { "protocol4_legacy.pth", false },
    };

    [Theory]
    [MemberData(nameof(Files))]
    public void Every_changed_byte_ends_in_the_right_values_or_in_the_one_exception(string name, bool hasChecksum)
    {
        using var folder = new TempFolder();
        var original = Original(folder, name);
        var expected = Load(folder.File("file", original));
        var watch = Stopwatch.StartNew();
        int same = 0, refused = 0, other = 0;
        for (var at = 0; at < original.Length; at++)
        {
            foreach (var bits in new[] { (byte)(1 << at % 8), (byte)0xff })
            {
                var changed = (byte[])original.Clone();
                changed[at] ^= bits;
                var loaded = Load(folder.File("file", changed));
                if (loaded is null) refused++;
                else if (loaded == expected) same++;
                else if (hasChecksum) Assert.Fail($"Byte {at} xor {bits:x2}: read differently from the original, without an error.");
                else other++;
            }
        }

        Assert.Equal(2 * original.Length, same + refused + other);
        Assert.True(refused > original.Length / 20, $"Only {refused} of {2 * original.Length} changes were refused.");
        Assert.True(watch.Elapsed.TotalSeconds < 2 * original.Length, "A single file took longer than a second.");
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void Every_cut_is_refused(string name, bool hasChecksum)
    {
        _ = hasChecksum;
        using var folder = new TempFolder();
        var original = Original(folder, name);
        for (var length = 0; length < original.Length; length++)
            Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder.File("file", original[..length])));
        Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder.File("file", [.. original, 0])));
    }

    private static byte[] Original(TempFolder folder, string name)
    {
        if (name != "adapter.safetensors") return File.ReadAllBytes(Path.Combine(TorchFilesTests.Folder, name));
        using var a = arange(12, dtype: ScalarType.Float32).reshape(3, 4);
        using var b = arange(5, dtype: ScalarType.Int64);
        Safetensors.Write(folder.File(name), new Dictionary<string, Tensor> { ["blocks.0.lora_A"] = a, ["count"] = b }, new Dictionary<string, string> { ["format"] = "pt" });
        return File.ReadAllBytes(folder.File(name));
    }

    /// <summary>All names, types, shapes and values as one text; null if the file was refused.</summary>
    private static string? Load(string path)
    {
        try
        {
            using var file = Checkpoint.Open(path);
            _ = CheckpointDescription.Of(file);
            var text = new StringBuilder();
            foreach (var (name, info) in file.Tensors)
            {
                using var tensor = file.Read(name);
                text.Append(info).Append(tensor.numel() == 0 ? "" : Convert.ToHexString(tensor.bytes));
            }

            return text.ToString();
        }
        catch (CheckpointException)
        {
            return null;
        }
    }
}

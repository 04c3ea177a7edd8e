using MedPeft.Lora.Checkpoints;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Checkpoints;

public class ShardedFileTests
{
    [Fact]
    public void A_sharded_checkpoint_reads_as_one()
    {
        using var folder = Shards();
        var index = folder.File("model.safetensors.index.json", """{"metadata":{"total_size":24,"nested":[{}]},"weight_map":{"b":"two.safetensors","a":"one.safetensors"}}"""u8.ToArray());
        using var file = Checkpoint.Open(index);
        Assert.Equal("safetensors, 2 shards", file.Kind);
        Assert.Equal(["b", "a"], file.Tensors.Keys);
        using var a = file.Read("a");
        using var b = file.Map("b");
        Assert.Equal(1, a.mean().item<float>());
        Assert.Equal(2, b.mean().item<float>());
        Assert.StartsWith("model.safetensors.index.json: safetensors, 2 shards\n2 tensors, 6 values, 24 bytes\n", Checkpoint.Describe(index), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"weight_map":{"a":"../one.safetensors"}}""", "the index leads to '../one.safetensors'; only files beside it are opened, named without a path.")]
    [InlineData("""{"weight_map":{"a":"/etc/passwd"}}""", "the index leads to '/etc/passwd'; only files beside it are opened, named without a path.")]
    [InlineData("""{"weight_map":{"a":"..\\one.safetensors"}}""", "the index leads to '..\\one.safetensors'; only files beside it are opened, named without a path.")]
    [InlineData("""{"weight_map":{"a":".."}}""", "the index leads to '..'; only files beside it are opened, named without a path.")]
    [InlineData("""{"weight_map":{"a":"three.safetensors"}}""", "the index names 'three.safetensors', which is not beside it. Fetch all files of the checkpoint.")]
    [InlineData("""{"weight_map":{"c":"one.safetensors"}}""", "the index says that 'one.safetensors' holds this tensor, but it does not. Index and files do not belong together.")]
    [InlineData("""{"weight_map":{"a":"one.safetensors","b":"more.safetensors"}}""", "'more.safetensors' holds this tensor, but the index does not say so. Index and files do not belong together.")]
    [InlineData("""{"weight_map":{"a":"one.safetensors","a":"two.safetensors"}}""", "the index lists this tensor twice, or more tensors than any checkpoint has. The file is damaged: fetch it again.")]
    [InlineData("""{"weight_map":{"a":"one.safetensors"},"weight_map":{"a":"one.safetensors"}}""", "the index holds two lists of tensors (weight_map). The file is damaged: fetch it again.")]
    [InlineData("""{"weight_map":{"a":1}}""", "the index names no file for this tensor. The file is damaged: fetch it again.")]
    [InlineData("""{"weight_map":{"a":"model.json"}}""", "this is a JSON text where the weights should be. Fetch the file again.")]
    public void A_wrong_index_is_refused(string json, string reason)
    {
        using var folder = Shards();
        var error = Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder.File("model.json", System.Text.Encoding.UTF8.GetBytes(json))));
        Assert.Equal(reason, error.Reason);
    }

    private static TempFolder Shards()
    {
        var folder = new TempFolder();
        using var a = ones(2);
        using var b = full(4, 2f);
        Safetensors.Write(folder.File("one.safetensors"), new Dictionary<string, Tensor> { ["a"] = a });
        Safetensors.Write(folder.File("two.safetensors"), new Dictionary<string, Tensor> { ["b"] = b });
        Safetensors.Write(folder.File("more.safetensors"), new Dictionary<string, Tensor> { ["a"] = a, ["b"] = b });
        return folder;
    }
}

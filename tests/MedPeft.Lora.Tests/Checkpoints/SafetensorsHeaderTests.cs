using System.Text;
using MedPeft.Lora.Checkpoints;

namespace MedPeft.Lora.Tests.Checkpoints;

public class SafetensorsHeaderTests
{
    private const string Again = " The file is damaged: fetch it again.";

    [Theory]
    [InlineData("""{}""", 0)]
    [InlineData("""{"__metadata__":{}}""", 0)]
    [InlineData("""{"__metadata__":null,"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}""", 1)]
    [InlineData("""  {"a":{"dtype":"F32","shape":[0,7],"data_offsets":[0,0]},"b":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}}   """, 1)]
    [InlineData("""{"b":{"data_offsets":[4,8],"shape":[1],"dtype":"I32"},"a":{"dtype":"I32","shape":[1,1],"data_offsets":[0,4],"new":[{}]}}""", 8)]
    public void Legal_headers_open(string header, int data)
    {
        using var folder = new TempFolder();
        using var opened = Safetensors.Open(folder.File("x.safetensors", SafetensorsTests.Bytes(header, data)));
        foreach (var name in opened.Tensors.Where(pair => pair.Value.DType is not null).Select(pair => pair.Key)) opened.Read(name).Dispose();
    }

    [Theory]
    [InlineData("""[]""", 0, "the header is not a JSON object")]
    [InlineData("""{} {}""", 0, "the header is not valid JSON")]
    [InlineData("""{"a":1}""", 0, "its entry is not a JSON object")]
    [InlineData("""{"a":{}}""", 0, "its entry lacks dtype, shape or data_offsets")]
    [InlineData("""{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""", 1, "the name appears twice")]
    [InlineData("""{"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}""", 1, "its entry holds dtype twice")]
    [InlineData("""{"a":{"dtype":"U7","shape":[1],"data_offsets":[0,1]}}""", 1, "its dtype 'U7' is unknown; known are BOOL, F4, ")]
    [InlineData("""{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}""", 1, "its shape holds something else than whole numbers")]
    [InlineData("""{"a":{"dtype":"U8","shape":[1e0],"data_offsets":[0,1]}}""", 1, "its shape holds something else than whole numbers")]
    [InlineData("""{"a":{"dtype":"U8","shape":[18446744073709551615],"data_offsets":[0,1]}}""", 1, "its shape holds something else than whole numbers")]
    [InlineData("""{"a":{"dtype":"U8","shape":[-0],"data_offsets":[0,0]}}""", 0, "its shape holds something else than whole numbers")]
    [InlineData("""{"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,1]}}""", 1, "its shape [4294967296, 4294967296] is too large for any file")]
    [InlineData("""{"a":{"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,1]}}""", 1, "is too large for any file")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,24]}}""", 24, "takes 4398046511104 bytes, but the header gives it 24")]
    [InlineData("""{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}}""", 2, "its shape [3] in F4 is no whole number of bytes")]
    [InlineData("""{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}""", 2, "its data would lie at [1, 2), but the data before it ends at 0")]
    [InlineData("""{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}""", 3, "its data would lie at [1, 3), but the data before it ends at 2")]
    [InlineData("""{"a":{"dtype":"U8","shape":[2],"data_offsets":[2,0]}}""", 2, "its data would lie at [2, 0)")]
    [InlineData("""{"a":{"dtype":"U8","shape":[1],"data_offsets":[0]}}""", 1, "its data_offsets are 1 numbers; 2 are needed")]
    [InlineData("""{"__metadata__":{"a":1}}""", 0, "__metadata__ holds Number under 'a'; only strings are permitted")]
    [InlineData("""{"__metadata__":{"a":"1","a":"2"}}""", 0, "__metadata__ holds 'a' twice")]
    [InlineData("""{"__metadata__":{"a":"\uD800"}}""", 0, "the header holds text that is no Unicode")]
    [InlineData("""{"__metadata__":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":1}}}}}}}}}""", 0, "__metadata__ holds StartObject under 'a'")]
    [InlineData("""{"a":{"x":[[[[[[[[[[]]]]]]]]]]}}""", 0, "the header is not valid JSON")]
    public void Illegal_headers_are_named(string header, int data, string reason)
    {
        using var folder = new TempFolder();
        var error = Assert.Throws<CheckpointException>(() => Safetensors.Open(folder.File("x.safetensors", SafetensorsTests.Bytes(header, data))));
        Assert.Contains(reason, error.Reason, StringComparison.Ordinal);
        Assert.EndsWith(Again, error.Reason, StringComparison.Ordinal);
        Assert.NotNull(error.Offset);
    }

    [Fact]
    public void A_truncated_file_says_so()
    {
        using var folder = new TempFolder();
        var file = File.ReadAllBytes(Golden.Path("peft/base.safetensors"));
        var error = Assert.Throws<CheckpointException>(() => Safetensors.Open(folder.File("cut.safetensors", file[..^1000])));
        Assert.Equal($"'cut.safetensors', byte 3720: the header describes {file.Length - 3720} bytes of data, but the file holds {file.Length - 4720}. Its download or copy was interrupted: fetch it again.", error.Message);
    }

    [Fact]
    public void Bytes_that_are_no_text_are_refused()
    {
        using var folder = new TempFolder();
        byte[] json = [.. Encoding.UTF8.GetBytes("{\""), 0xff, .. Encoding.UTF8.GetBytes("\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}")];
        var error = Assert.Throws<CheckpointException>(() => Safetensors.Open(folder.File("x.safetensors", [.. BitConverter.GetBytes((long)json.Length), .. json])));
        Assert.Equal("'x.safetensors', byte 8: the header is not valid UTF-8." + Again, error.Message);
    }
}

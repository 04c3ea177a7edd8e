using System.Text;
using MedPeft.Lora.Checkpoints;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Checkpoints;

public class SafetensorsTests
{
    public static TheoryData<string> GoldenFiles => new(FromPeft().Append("medpeft_vit_qv/expected.safetensors").Append("medpeft_vit_qv/trainable.safetensors"));

    public static TheoryData<string> HuggingFaceFiles => new(FromPeft());

    [Theory]
    [MemberData(nameof(GoldenFiles))]
    public void Every_golden_file_opens_and_reads_and_maps_alike(string file)
    {
        using var opened = Safetensors.Open(Golden.Path(file));
        Assert.NotEmpty(opened.Tensors);
        foreach (var (name, info) in opened.Tensors)
        {
            using var read = opened.Read(name);
            using var mapped = opened.Map(name);
            Assert.Equal(info.Shape, read.shape);
            Assert.Equal(info.Shape, mapped.shape);
            Assert.Equal(info.DType, read.dtype);
            Assert.True(read.bytes.SequenceEqual(mapped.bytes), name);
        }
    }

    [Theory]
    [MemberData(nameof(HuggingFaceFiles))]
    public void What_Hugging_Face_wrote_is_written_back_byte_for_byte(string file)
    {
        using var folder = new TempFolder();
        using var opened = Safetensors.Open(Golden.Path(file));
        var tensors = opened.Tensors.Keys.ToDictionary(name => name, opened.Read);
        Safetensors.Write(folder.File("again.safetensors"), tensors, opened.Metadata.Count > 0 ? opened.Metadata : null);
        Assert.Equal(File.ReadAllBytes(Golden.Path(file)), File.ReadAllBytes(folder.File("again.safetensors")));
        foreach (var tensor in tensors.Values) tensor.Dispose();
    }

    [Fact]
    public void Every_type_that_torch_holds_comes_back_bit_for_bit()
    {
        using var folder = new TempFolder();
        ScalarType[] types = [ScalarType.Bool, ScalarType.Byte, ScalarType.Int8, ScalarType.Int16, ScalarType.Int32, ScalarType.Int64, ScalarType.Float16,
            ScalarType.BFloat16, ScalarType.Float32, ScalarType.Float64, ScalarType.ComplexFloat32, ScalarType.ComplexFloat64];
        var tensors = types.Where(type => type != ScalarType.ComplexFloat64).ToDictionary(type => type.ToString(), type => (rand(3, 5, 7) * 100).to(type));
        tensors["scalar"] = tensor(3.5);
        tensors["empty"] = zeros(0, 4);
        tensors["transposed"] = rand(4, 6).t();
        Safetensors.Write(folder.File("all.safetensors"), tensors);

        using var opened = Safetensors.Open(folder.File("all.safetensors"));
        Assert.Equal(tensors.Keys.Order(), opened.Tensors.Keys.Order());
        foreach (var (name, original) in tensors)
        {
            using var plain = original.contiguous();
            using var read = opened.Read(name);
            using var mapped = opened.Map(name);
            Assert.Equal(original.shape, read.shape);
            Assert.Equal(original.dtype, read.dtype);
            Assert.True(read.bytes.SequenceEqual(plain.bytes), name);
            Assert.True(mapped.bytes.SequenceEqual(plain.bytes), name);
        }

        using var complex = rand(2, dtype: ScalarType.ComplexFloat64);
        Assert.Throws<ArgumentException>(() => Safetensors.Write(folder.File("c.safetensors"), new Dictionary<string, Tensor> { ["c"] = complex }));
        Assert.False(File.Exists(folder.File("c.safetensors")));
    }

    [Fact]
    public void A_type_unknown_to_torch_is_listed_and_refused_at_read()
    {
        using var folder = new TempFolder();
        using var opened = Safetensors.Open(folder.File("f8.safetensors", Bytes("""{"a":{"dtype":"F8_E4M3","shape":[2,2],"data_offsets":[0,4]}}""", 4)));
        Assert.Equal("a F8_E4M3 [2, 2]", opened.Tensors["a"].ToString());
        Assert.Null(opened.Tensors["a"].DType);
        var error = Assert.Throws<CheckpointException>(() => opened.Read("a"));
        Assert.Equal("'f8.safetensors', 'a': its type F8_E4M3 has no counterpart in TorchSharp. Convert the tensor to F32 or BF16 before.", error.Message);
    }

    [Fact]
    public void A_tensor_that_is_not_there_is_named_with_those_that_are()
    {
        using var opened = Safetensors.Open(Golden.Path("medpeft_vit_qv/trainable.safetensors"));
        var error = Assert.Throws<CheckpointException>(() => opened.Read("head"));
        Assert.StartsWith("'trainable.safetensors', 'head': the checkpoint has no such tensor. It has 'blocks.0.attn.qkv.lora_A', ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tensor_outlives_the_file_and_the_scope_it_was_read_in()
    {
        Tensor read, mapped;
        using (NewDisposeScope())
        using (var opened = Safetensors.Open(Golden.Path("peft/base.safetensors")))
        {
            read = opened.Read("head.weight");
            mapped = opened.Map("head.weight");
        }

        Assert.True(read.bytes.SequenceEqual(mapped.bytes));
        mapped.fill_(1);
        Assert.Equal(1, mapped.mean().item<float>());
        using var again = Safetensors.Open(Golden.Path("peft/base.safetensors"));
        using var unchanged = again.Read("head.weight");
        Assert.True(read.bytes.SequenceEqual(unchanged.bytes));
        read.Dispose();
        mapped.Dispose();
    }

    [Fact]
    public void Text_and_odd_names_come_back_as_they_were()
    {
        using var folder = new TempFolder();
        using var one = ones(1);
        var names = new[] { "a\"b\\c", "tab\tnew\nline\u0001", "lungenödem", "😀", "\uffee", "" };
        var metadata = new Dictionary<string, string> { ["format"] = "pt", ["q\"\\"] = "\u0007é😀" };
        Safetensors.Write(folder.File("odd.safetensors"), names.Select(name => KeyValuePair.Create(name, one)), metadata);
        using var opened = Safetensors.Open(folder.File("odd.safetensors"));
        Assert.Equal(["", "a\"b\\c", "lungenödem", "tab\tnew\nline\u0001", "\uffee", "😀"], opened.Tensors.Keys);
        Assert.Equal(metadata, opened.Metadata);
    }

    [Fact]
    public void A_failed_write_leaves_the_old_file_and_nothing_beside_it()
    {
        using var folder = new TempFolder();
        using var gone = ones(4);
        using var good = ones(4);
        Safetensors.Write(folder.File("x.safetensors"), new Dictionary<string, Tensor> { ["a"] = good });
        var before = File.ReadAllBytes(folder.File("x.safetensors"));
        IEnumerable<KeyValuePair<string, Tensor>> Failing()
        {
            yield return KeyValuePair.Create("a", good);
            throw new InvalidOperationException("stop");
        }

        Assert.Throws<InvalidOperationException>(() => Safetensors.Write(folder.File("x.safetensors"), Failing()));
        Assert.Throws<InvalidOperationException>(() => AtomicFile.Write(folder.File("x.safetensors"), stream =>
        {
            stream.Write(new byte[10_000_000]);
            throw new InvalidOperationException("stop");
        }));
        Assert.Equal(before, File.ReadAllBytes(folder.File("x.safetensors")));
        Assert.Equal(["x.safetensors"], Directory.EnumerateFileSystemEntries(folder.Path).Select(Path.GetFileName));
    }

    [Fact]
    public void A_folder_that_is_not_there_is_named_without_its_path()
    {
        using var folder = new TempFolder();
        using var one = ones(1);
        var error = Assert.Throws<CheckpointException>(() => Safetensors.Write(folder.File("no/x.safetensors"), new Dictionary<string, Tensor> { ["a"] = one }));
        Assert.Equal("'x.safetensors': the file cannot be written: there is no such file or folder. What was there before is untouched.", error.Message);
        Assert.Equal(folder.File("no/x.safetensors"), error.File);
    }

    private static IEnumerable<string> FromPeft() => Directory.EnumerateFiles(Golden.Path("peft"), "*.safetensors", SearchOption.AllDirectories)
        .Select(path => Path.GetRelativePath(Golden.Path(""), path)).Order(StringComparer.Ordinal);

    internal static byte[] Bytes(string header, int data)
    {
        var json = Encoding.UTF8.GetBytes(header);
        return [.. BitConverter.GetBytes((long)json.Length), .. json, .. Enumerable.Range(0, data).Select(i => (byte)i)];
    }
}

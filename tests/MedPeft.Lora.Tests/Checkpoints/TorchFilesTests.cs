using System.Numerics;
using System.Text.Json;
using MedPeft.Lora.Checkpoints;

namespace MedPeft.Lora.Tests.Checkpoints;

/// <summary>Files that PyTorch 1.13 wrote, and the values that it reads from them (Files/generate.py).</summary>
public class TorchFilesTests
{
    public static TheoryData<string> Names => new(Directory.EnumerateFiles(Folder, "*.json").Select(path => Path.GetFileNameWithoutExtension(path)!).Order(StringComparer.Ordinal));

    internal static string Folder
    {
        get
        {
            for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            {
                var candidate = Path.Combine(folder.FullName, "tests", "MedPeft.Lora.Tests", "Checkpoints", "Files");
                if (Directory.Exists(candidate)) return candidate;
            }

            throw new DirectoryNotFoundException($"No folder 'Checkpoints/Files' above {AppContext.BaseDirectory}.");
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_tensor_is_what_PyTorch_reads(string name)
    {
        using var expected = JsonDocument.Parse(File.ReadAllText(Path.Combine(Folder, name + ".json")));
        using var file = Checkpoint.Open(Path.Combine(Folder, name));
        Assert.Equal(expected.RootElement.EnumerateObject().Select(entry => entry.Name), file.Tensors.Keys);
        foreach (var entry in expected.RootElement.EnumerateObject())
        {
            var shape = entry.Value.GetProperty("shape").EnumerateArray().Select(size => size.GetInt64());
            foreach (var open in new Func<string, torch.Tensor>[] { file.Read, file.Map })
            {
                using var tensor = open(entry.Name);
                using var plain = tensor.contiguous();
                Assert.Equal(shape, tensor.shape);
                Assert.Equal(entry.Value.GetProperty("dtype").GetString(), TorchName(tensor.dtype));
                Assert.Equal(entry.Value.GetProperty("bits").GetString(), plain.numel() == 0 ? "" : Convert.ToHexStringLower(plain.bytes));
            }
        }
    }

    [Theory]
    [InlineData("training.pth")]
    [InlineData("training_legacy.pth")]
    public void All_that_a_training_script_leaves_is_data(string name)
    {
        using var file = PickleCheckpoint.Open(Path.Combine(Folder, name));
        var root = file.Root;
        Assert.Equal("model", file.StateDictKey);
        Assert.Equal("module.", file.StrippedPrefix);
        Assert.Equal(0.8061, root["best"].AsReal());
        Assert.Equal(-7, root["step"].AsInteger());
        Assert.Equal(0.5, root["rate"].AsReal());
        Assert.True(root["flag"].AsBoolean());
        Assert.Equal(BigInteger.Pow(2, 80), root["args"]["big"].AsBigInteger());
        Assert.Equal(0.95, root["args"]["betas"][1].AsReal());
        Assert.Equal(CheckpointValueKind.None, root["args"]["blr"].Kind);
        Assert.Equal("pathlib.PurePosixPath", root["args"]["data_path"].TypeName);
        Assert.Equal("collections.defaultdict", root["history"].TypeName);
        Assert.Equal(0.25, root["history"]["loss"][1].AsReal());
        Assert.Equal("set", root["names"].TypeName);
        Assert.Equal("a", root["names"][0].AsText());
        Assert.Equal([0x00, 0xff], root["raw"].AsBytes());
        Assert.Equal("numpy.core.multiarray._reconstruct", root["array"].TypeName);
        Assert.Equal("torch.device", root["device"].TypeName);
        Assert.Equal("torch.float16", root["dtype"].TypeName);
        Assert.Equal(3, root["size"][1].AsInteger());
        Assert.Equal(2, root["counter"]["a"].AsInteger());
        Assert.Equal(1e-3, root["optimizer"]["param_groups"][0]["lr"].AsReal());
        var momentum = root["optimizer"]["state"].Entries.First().Value["exp_avg"];
        using var read = file.Read(momentum);
        Assert.Equal([2, 3], read.shape);
        Assert.Equal(read.shape, momentum.Tensor!.Shape);
    }

    [Fact]
    public void A_state_dict_can_be_chosen_by_its_key()
    {
        using var file = PickleCheckpoint.Open(Path.Combine(Folder, "training.pth"), "optimizer.state");
        Assert.Equal(["0.step", "0.exp_avg", "0.exp_avg_sq", "1.step"], file.Tensors.Keys.Take(4));
        var error = Assert.Throws<CheckpointException>(() => PickleCheckpoint.Open(Path.Combine(Folder, "training.pth"), "model_ema"));
        Assert.StartsWith("'training.pth', 'model_ema': there is no state dict under this key. The keys there are 'model', 'optimizer', 'epoch', ", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("refused_module.pth", "it holds a whole pickled model (__main__.Net); to rebuild it, code named by the file would have to run. In Python, load it and save its weights: torch.save(model.state_dict(), \"weights.pth\").")]
    [InlineData("refused_module_legacy.pth", "it holds a whole pickled model (torch.nn.modules.linear.Linear); to rebuild it, code named by the file would have to run. In Python, load it and save its weights: torch.save(model.state_dict(), \"weights.pth\").")]
    [InlineData("refused_module_inside.pth", "it holds a whole pickled model (__main__.Net); to rebuild it, code named by the file would have to run. In Python, load it and save its weights: torch.save(model.state_dict(), \"weights.pth\").")]
    [InlineData("refused_script.pt", "this is a TorchScript archive (it holds constants.pkl): a program, not weights. In Python, save its weights: torch.save(torch.jit.load(path).state_dict(), \"weights.pth\").")]
    public void Programs_are_refused_with_the_way_out(string name, string reason)
    {
        var error = Assert.Throws<CheckpointException>(() => Checkpoint.Open(Path.Combine(Folder, name)));
        Assert.Equal(reason, error.Reason);
        Assert.Equal(Path.Combine(Folder, name), error.File);
    }

    private static string TorchName(torch.ScalarType type) => type switch
    {
        torch.ScalarType.Byte => "uint8",
        torch.ScalarType.ComplexFloat32 => "complex64",
        torch.ScalarType.ComplexFloat64 => "complex128",
        _ => type.ToString().ToLowerInvariant(),
    };
}

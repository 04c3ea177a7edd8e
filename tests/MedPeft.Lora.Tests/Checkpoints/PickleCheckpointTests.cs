using MedPeft.Lora.Checkpoints;

namespace MedPeft.Lora.Tests.Checkpoints;

public class PickleCheckpointTests
{
    private static string Zip => Golden.Path("medpeft_vit_qv/pretrained.pth");

    private static string Legacy => Golden.Path("medpeft_vit_qv/pretrained_legacy.pth");

    [Fact]
    public void The_zip_and_the_legacy_form_of_the_golden_model_are_equal_bit_for_bit()
    {
        using var zip = PickleCheckpoint.Open(Zip);
        using var legacy = PickleCheckpoint.Open(Legacy);
        Assert.Equal("PyTorch zip", zip.Kind);
        Assert.Equal("PyTorch legacy stream", legacy.Kind);
        Assert.Equal("model", zip.StateDictKey);
        Assert.Equal("", zip.StrippedPrefix);
        Assert.Equal(zip.Tensors.Keys, legacy.Tensors.Keys);
        Assert.Equal([1, 17, 48], zip.Tensors["pos_embed"].Shape);
        foreach (var name in zip.Tensors.Keys)
        {
            using var one = zip.Read(name);
            using var two = legacy.Read(name);
            using var three = zip.Map(name);
            using var four = legacy.Map(name);
            Assert.Equal(one.shape, two.shape);
            Assert.True(one.bytes.SequenceEqual(two.bytes) && one.bytes.SequenceEqual(three.bytes) && one.bytes.SequenceEqual(four.bytes), name);
            Assert.InRange(one.abs().mean().item<float>(), 0f, 2f);
        }
    }

    [Fact]
    public void The_other_data_of_a_checkpoint_is_readable_as_data()
    {
        using var zip = PickleCheckpoint.Open(Zip);
        var root = zip.Root;
        Assert.Equal(3, root["epoch"].AsInteger());
        Assert.Equal("argparse.Namespace", root["args"].TypeName);
        Assert.Equal(CheckpointValueKind.Instance, root["args"].Kind);
        Assert.Equal("mae_vit", root["args"]["model"].AsText());
        Assert.Equal(0.001, root["args"]["lr"].AsReal());
        Assert.Equal(64, root["args"]["batch_size"].AsReal());
        Assert.Equal(65536.0, root["scaler"]["scale"].AsReal());
        Assert.False(root.TryGet("optimizer", out _));
        var missing = Assert.Throws<KeyNotFoundException>(() => root["optimizer"]);
        Assert.Equal("This dict of 4 has no 'optimizer'. It has 'model', 'epoch', 'args', 'scaler'.", missing.Message);
        var wrong = Assert.Throws<InvalidCastException>(() => root["epoch"].AsText());
        Assert.Equal("This value is 3, not text.", wrong.Message);
        using var tensor = zip.Read(root["model"]["cls_token"]);
        using var same = zip.Read("cls_token");
        Assert.True(tensor.bytes.SequenceEqual(same.bytes));
        Assert.Equal([1, 1, 48], root["model"]["cls_token"].Tensor!.Shape);
    }

    [Fact]
    public void A_description_lists_tensors_and_keys_without_reading_weights()
    {
        var text = Checkpoint.Describe(Zip).Split('\n');
        Assert.Equal("pretrained.pth: PyTorch zip", text[0]);
        Assert.StartsWith("44 tensors in 'model', ", text[1], StringComparison.Ordinal);
        Assert.Matches(@"^  cls_token +F32  \[1, 1, 48\] +192$", text[2]);
        Assert.Equal(["other data", "  epoch: 3", "  args: argparse.Namespace of 4 (model, lr, batch_size, note)", "  scaler: dict of 2 (scale, growth_factor)", ""], text[^5..]);
    }
}

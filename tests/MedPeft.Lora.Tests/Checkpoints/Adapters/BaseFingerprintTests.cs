using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Checkpoints.Adapters;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Checkpoints.Adapters;

public sealed class BaseFingerprintTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void The_same_weights_are_the_same_from_any_kind_of_file()
    {
        Dictionary<string, Tensor> Weights(string path)
        {
            using var file = Checkpoint.Open(path);
            return file.Tensors.Keys.ToDictionary(name => name, file.Read);
        }

        var zip = Weights(Golden.Path("medpeft_vit_qv/pretrained.pth"));
        Safetensors.Write(_folder.File("same.safetensors"), zip);
        var expected = BaseFingerprint.Of(zip);
        Assert.Equal(expected.Hashes, BaseFingerprint.Of(Weights(Golden.Path("medpeft_vit_qv/pretrained_legacy.pth"))).Hashes);
        Assert.Equal(expected.Hashes, BaseFingerprint.Of(Weights(_folder.File("same.safetensors"))).Hashes);
        Assert.Equal(expected.Hashes, BaseFingerprint.From(expected.ToJson())!.Hashes);
        Assert.Null(expected.Differences(BaseFingerprint.From(expected.ToJson())!));
    }

    [Fact]
    public void A_hash_is_pinned_and_sees_every_bit_the_type_and_the_shape()
    {
        static string Hash(Tensor tensor) => BaseFingerprint.Of([KeyValuePair.Create("x", tensor)]).Hashes["x"];

        var x = arange(6, ScalarType.Float32).view(2, 3);
        Assert.Equal("FEF42E60A9C62E925D66DD147C072181", Hash(x)); // sha256("F32 [2, 3]\n" + the six floats), first half
        Assert.Equal(Hash(x), Hash(x.t().contiguous().t()));
        Assert.Equal(6, new[] { x, x.view(3, 2), x.view(6), x.to(ScalarType.Float64), x.to(ScalarType.BFloat16), x.neg() }.Select(Hash).Distinct().Count());
        var zero = zeros(1);
        Assert.NotEqual(Hash(zero), Hash(zero.neg()));
        Assert.NotEqual(Hash(empty(0)), Hash(empty(0, 1)));
    }

    [Fact]
    public void What_differs_is_named()
    {
        var there = BaseFingerprint.Of([KeyValuePair.Create("a", zeros(2)), KeyValuePair.Create("b", zeros(2)), KeyValuePair.Create("c", zeros(2))]);
        var here = BaseFingerprint.Of([KeyValuePair.Create("a", zeros(2)), KeyValuePair.Create("b", ones(2)), KeyValuePair.Create("d", zeros(2))]);
        Assert.Equal("1 of 3 tensors have other values: 'b'; 1 of 3 tensors are not in this model: 'c'; 1 of 3 tensors were not there, or were trained: 'd'", there.Differences(here));
        Assert.Null(BaseFingerprint.From(null) ?? BaseFingerprint.From(System.Text.Json.Nodes.JsonNode.Parse("""{"algorithm": "md5", "tensors": {}}""")));
    }
}

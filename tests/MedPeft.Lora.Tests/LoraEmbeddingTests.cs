using static TorchSharp.torch;

namespace MedPeft.Lora.Tests;

public class LoraEmbeddingTests
{
    [Fact]
    public void It_starts_bit_equal_and_merges_into_the_same_outputs()
    {
        using var embedding = nn.Embedding(11, 6);
        using var lora = new LoraEmbedding(embedding, new LoraConfig { Rank = 2, Alpha = 6 });
        using var x = tensor(new long[] { 0, 3, 10, 3, 5, 1 }).view(2, 3);
        using var weight = embedding.weight!.clone();
        using var before = embedding.forward(x);
        using (var fresh = lora.call(x)) Assert.True(Bits.Equal(before, fresh));
        Assert.Equal(["weight", "lora_embedding_A", "lora_embedding_B"], lora.state_dict().Keys);
        Assert.True(lora.A.shape is [2, 11] && lora.B.shape is [6, 2] && lora.B.std().item<float>() > .3);

        using (no_grad()) lora.A.normal_(0, .3);
        using var adapted = lora.call(x);
        adapted.square().sum().backward();
        Assert.Null(lora.get_parameter("weight")!.grad);
        Assert.Equal([0, 1, 3, 5, 10], lora.A.grad!.abs().sum(0L).nonzero().view(-1).data<long>().ToArray());
        lora.Merge();
        using var merged = lora.call(x);
        Assert.True(allclose(adapted, merged, rtol: 1e-5, atol: 1e-6));
        lora.Unmerge();
        Assert.True(Bits.Equal(weight, embedding.weight!));
    }

    [Fact]
    public void It_goes_into_a_model_moves_with_it_and_comes_out()
    {
        using var model = nn.Sequential(("table", nn.Embedding(11, 6)), ("head", nn.Linear(6, 2)));
        using var x = tensor(new long[] { 1, 2 });
        using var before = model.call(x);
        var lora = model.InjectLora(new LoraConfig { Rank = 2, Targets = ["table"] });
        model.to(ScalarType.Float64).to(ScalarType.Float32);
        using (no_grad()) lora.Layer<LoraLayer>("table").A.normal_();
        using (var adapted = model.call(x)) Assert.False(Bits.Equal(before, adapted));
        lora.Remove();
        using var after = model.call(x);
        Assert.True(Bits.Equal(before, after));
        Assert.Equal(["table.weight", "head.weight", "head.bias"], model.state_dict().Keys);
    }

    [Theory]
    [InlineData(7, false, null, "Rank 7 is above what the layer can hold (11 rows of 6); choose a rank of at most 6.")]
    [InlineData(2, true, null, "the layer is an Embedding: Dora fits Linear and Conv2d layers only. Leave it out of Targets, or set Dora to false.")]
    [InlineData(2, false, LoraBlock.Key, "the layer is an Embedding: Blocks [Key] fits a fused qkv layer only. Leave Blocks null to adapt the whole layer.")]
    public void What_does_not_fit_is_refused(int rank, bool dora, LoraBlock? block, string message)
    {
        using var embedding = nn.Embedding(11, 6);
        Assert.Equal(message, Assert.Throws<LoraException>(() => new LoraEmbedding(embedding, new LoraConfig { Rank = rank, Dora = dora, Blocks = block is null ? null : [block.Value] })).Message);
    }
}

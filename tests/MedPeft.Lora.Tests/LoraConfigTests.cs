namespace MedPeft.Lora.Tests;

public class LoraConfigTests
{
    public static TheoryData<Func<LoraConfig>, string> Wrong => new()
    {
        { () => new LoraConfig { Rank = 0 }, "Rank is 0; it must be at least 1, and 4 to 32 is usual. (Parameter 'Rank')" },
        { () => new LoraConfig { Alpha = -1.5 }, "Alpha is -1.5; it must be a positive number: the update is scaled by Alpha / Rank. (Parameter 'Alpha')" },
        { () => new LoraConfig { Alpha = double.NaN }, "Alpha is NaN; it must be a positive number: the update is scaled by Alpha / Rank. (Parameter 'Alpha')" },
        { () => new LoraConfig { Dropout = 1 }, "Dropout is 1; it must be at least 0 and below 1. (Parameter 'Dropout')" },
        { () => new LoraConfig { Targets = [] }, "Targets is empty; name at least one layer, such as \"qkv\". (Parameter 'Targets')" },
        { () => new LoraConfig { Targets = ["qkv", " "] }, "Targets has an empty name; write a path such as \"blocks.0.attn.qkv\" or its end, \"qkv\". (Parameter 'Targets')" },
        { () => new LoraConfig { Trainable = [""] }, "Trainable has an empty name; write a path such as \"blocks.0.attn.qkv\" or its end, \"qkv\". (Parameter 'Trainable')" },
        { () => new LoraConfig { Blocks = [] }, "Blocks is empty; name at least one of Query, Key and Value, or leave it null to adapt the whole layer. (Parameter 'Blocks')" },
        { () => new LoraConfig { Blocks = [LoraBlock.Key, LoraBlock.Key] }, "Blocks [Key, Key] names a block twice; name each at most once. (Parameter 'Blocks')" },
        { () => new LoraConfig { Blocks = [(LoraBlock)3] }, "Blocks has 3, which is none of Query, Key and Value. (Parameter 'Blocks')" },
    };

    [Theory, MemberData(nameof(Wrong))]
    public void A_setting_out_of_range_is_refused(Func<LoraConfig> make, string message) =>
        Assert.Equal(message, Assert.ThrowsAny<ArgumentException>(make).Message);

    [Fact]
    public void It_is_a_value()
    {
        LoraConfig a = new() { Rank = 4, Targets = ["qkv"], Blocks = [LoraBlock.Value, LoraBlock.Query], Trainable = ["head"] };
        LoraConfig b = new() { Rank = 4, Targets = ["qkv"], Blocks = [LoraBlock.Query, LoraBlock.Value], Trainable = ["head"] };
        Assert.Equal(a, b);
        Assert.Equal(a.GetHashCode(), b.GetHashCode());
        Assert.NotEqual(a, a with { Blocks = null });
        Assert.NotEqual(a, a with { Trainable = ["fc_norm"] });
        Assert.Equal(2, a.Scale);
    }

    [Fact]
    public void It_keeps_its_own_copy_of_the_lists()
    {
        var targets = new List<string> { "qkv" };
        var config = new LoraConfig { Targets = targets };
        targets[0] = "proj";
        Assert.Equal(["qkv"], config.Targets);
    }
}

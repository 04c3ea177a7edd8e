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
        { () => new LoraConfig { TargetPattern = "(" }, "TargetPattern \"(\" is no regular expression: Invalid pattern '^(?:()$' at offset 7. Not enough )'s. (Parameter 'TargetPattern')" },
        { () => new LoraConfig { Within = ["blocks.8..3"] }, "\"blocks.8..3\" is no range of modules; write the first and the last one, as in \"blocks.8..11\". (Parameter 'Within')" },
        { () => new LoraConfig { Within = ["blocks..x"] }, "\"blocks..x\" is no range of modules; write the first and the last one, as in \"blocks.8..11\". (Parameter 'Within')" },
        { () => new LoraConfig { RankPattern = new Dictionary<string, int> { ["qkv"] = 0 } }, "RankPattern[\"qkv\"] is 0; it must be at least 1, and 4 to 32 is usual. (Parameter 'RankPattern')" },
        { () => new LoraConfig { AlphaPattern = new Dictionary<string, double> { ["qkv"] = 0 } }, "AlphaPattern[\"qkv\"] is 0; it must be a positive number: the update is scaled by Alpha / Rank. (Parameter 'AlphaPattern')" },
        { () => new LoraConfig { Bias = (LoraBias)7 }, "Bias is 7, which is none of None, Adapted and All. (Parameter 'Bias')" },
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
        Assert.NotEqual(a, a with { RankPattern = new Dictionary<string, int> { ["qkv"] = 2 } });
        Assert.Equal(2, a.Scale);
        Assert.Equal(4, (a with { RankStabilized = true }).Scale);
    }

    [Fact]
    public void It_prints_what_is_set()
    {
        Assert.Equal("LoraConfig { Targets = [\"qkv\"], Rank = 8, Alpha = 8 }", new LoraConfig().ToString());
        Assert.Equal("LoraConfig { TargetPattern = \".*\", Exclude = [\"head\"], Rank = 4, Alpha = 0.5, RankPattern = { \"fc1\": 2 }, Blocks = [Query, Value], Dropout = 0.1, Dora, Bias = All, Trainable = [\"head\"] }",
            new LoraConfig
            {
                TargetPattern = ".*", Exclude = ["head"], Rank = 4, Alpha = .5, RankPattern = new Dictionary<string, int> { ["fc1"] = 2 }, Blocks = [LoraBlock.Query, LoraBlock.Value],
                Dropout = .1, Dora = true, Bias = LoraBias.All, Trainable = ["head"],
            }.ToString());
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

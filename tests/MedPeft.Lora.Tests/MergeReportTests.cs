using MedPeft.Lora.Tests.Injection;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests;

public sealed class MergeReportTests
{
    [Fact]
    public void It_measures_what_rounding_costs()
    {
        using var model = SelectionTests.Transformer();
        using var x = randn(2, 5, 8);
        var lora = model.InjectLora(new LoraConfig { Rank = 2, Dora = true, Targets = ["qkv", "fc1"] });
        AdapterSetTests.Randomize(lora, 1);
        var report = lora.Merge(new MergeOptions { Sample = x });
        Assert.InRange(report.Lost, 1e-9, 1e-6);
        Assert.InRange(report.LargestError, 1e-10, 1e-6);
        Assert.InRange(report.OutputError!.Value, 0, 1e-5);
        Assert.Equal(lora.Layers.Select(layer => layer.Path), report.Layers.Select(layer => layer.Path));
        Assert.StartsWith("layer              lost", report.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void In_bfloat16_the_update_is_rounded_once_and_the_report_equals_brute_force()
    {
        using var model = SelectionTests.Transformer();
        model.to(ScalarType.BFloat16);
        using var x = randn(2, 5, 8).to(ScalarType.BFloat16);
        using var before = model.call(x);
        var lora = model.InjectLora(new LoraConfig { Rank = 2 });
        AdapterSetTests.Randomize(lora, 1);
        var layer = lora.Layer("blocks.0.attn.qkv");
        using var w = layer.Base.get_parameter("weight")!.detach().clone();
        using var delta = lora.Delta("blocks.0.attn.qkv").to(ScalarType.Float64);
        var report = lora.Merge();
        using var merged = layer.Base.get_parameter("weight")!.detach().clone();
        Assert.True(Bits.Equal((w.to(ScalarType.Float64) + delta).to(ScalarType.BFloat16), merged));
        using var error = merged.to(ScalarType.Float64) - w.to(ScalarType.Float64) - delta;
        Assert.Equal(error.abs().max().item<double>(), report.Layers[0].LargestError, 1e-6);
        Assert.Equal((error.square().sum() / delta.square().sum()).sqrt().item<double>(), report.Layers[0].Lost, 1e-6);
        lora.Remove();
        using var after = model.call(x);
        Assert.True(Bits.Equal(before, after));
    }

    [Fact]
    public void A_merge_that_loses_too_much_is_refused_and_changes_nothing()
    {
        using var model = SelectionTests.Transformer();
        model.to(ScalarType.BFloat16);
        using var x = randn(2, 5, 8).to(ScalarType.BFloat16);
        var lora = model.InjectLora(new LoraConfig { Rank = 2 });
        AdapterSetTests.Randomize(lora, 1);
        using var before = model.call(x);
        using var weight = lora.Layer("blocks.0.attn.qkv").Base.get_parameter("weight")!.detach().clone();
        var message = Assert.Throws<LoraException>(() => lora.Merge(new MergeOptions { Tolerance = 1e-4 })).Message;
        Assert.Matches(@"^Merging would lose 0\.\d{4} % of the update of 'blocks\.0\.attn\.qkv' to rounding to BFloat16; Tolerance is 0\.0100 %\. Convert the model to a finer type first, allow more, or use the adapter unmerged\.$", message);
        Assert.False(lora.Merged);
        Assert.True(Bits.Equal(weight, lora.Layer("blocks.0.attn.qkv").Base.get_parameter("weight")!));
        Assert.Throws<LoraException>(() => lora.MergeAndRemove(new MergeOptions { Tolerance = 1e-4 }));
        using var after = model.call(x);
        Assert.True(Bits.Equal(before, after));
        Assert.InRange(lora.MergeAndRemove(new MergeOptions { Tolerance = .1 }).Lost, 1e-4, .1);
        Assert.Equal("Tolerance must be 0 or a positive number. (Parameter 'Tolerance')\nActual value was -1.", Assert.Throws<ArgumentOutOfRangeException>(() => new MergeOptions { Tolerance = -1 }).Message.ReplaceLineEndings("\n"));
    }
}

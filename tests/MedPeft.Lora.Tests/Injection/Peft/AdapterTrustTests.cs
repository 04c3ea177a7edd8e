using System.Text.Json.Nodes;
using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Tests.Checkpoints;
using MedPeft.Lora.Vision;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Injection.Peft;

/// <summary>An adapter sits on the base and the labels that it was trained for, or not at all unless asked for.</summary>
public sealed class AdapterTrustTests : IDisposable
{
    private static readonly string[] Findings = ["Atelectasis", "Effusion", "Hernia"];
    private static readonly LoraConfig Config = new() { Rank = 2, Blocks = [LoraBlock.Query, LoraBlock.Value], Trainable = ["head", "fc_norm"] };

    private readonly TempFolder _folder = new();

    private string Saved => _folder.File("adapter");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Another_base_is_refused_by_the_names_of_what_differs_and_the_model_is_as_it_was()
    {
        Save();
        using var model = PeftGoldenTests.Base();
        using (no_grad()) model.get_parameter("blocks.1.mlp.fc1.weight")!.view(-1)[3].add_(1e-6f);
        var keys = model.state_dict().Keys.ToList();
        Assert.Equal("adapter was trained on another base: 1 of 40 tensors have other values: 'blocks.1.mlp.fc1.weight'. Load the checkpoint that it was trained on, or set AllowOtherBase.",
            Assert.Throws<LoraException>(() => model.LoadLora(Saved)).Message);
        Assert.Equal(keys, model.state_dict().Keys);
        Assert.All(model.parameters(), parameter => Assert.True(parameter.requires_grad));
        model.LoadLora(Saved, new LoadOptions { AllowOtherBase = true }).Remove();

        using var half = PeftGoldenTests.Base();
        half.to(ScalarType.BFloat16);
        Assert.StartsWith("adapter was trained on another base: 40 of 40 tensors have other values: 'blocks.0.attn.proj.bias', ", Assert.Throws<LoraException>(() => half.LoadLora(Saved)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_base_under_a_merged_adapter_is_known_again()
    {
        using var model = PeftGoldenTests.Base();
        var first = Filled(model.InjectLora(new LoraConfig { Rank = 2, Targets = ["fc1"] }));
        var second = Filled(model.InjectLora(Config));
        first.Merge();
        second.Merge();
        second.Save(Saved);
        Assert.True(first.Merged && second.Merged);
        first.Remove();
        second.Remove();
        model.LoadLora(Saved);
    }

    [Fact]
    public void Labels_are_saved_given_back_and_compared()
    {
        Save(Findings);
        using var model = PeftGoldenTests.Base();
        var lora = model.LoadLora(Saved);
        Assert.Equal(Findings, lora.Labels);
        lora.Remove();
        Assert.Equal(Findings, model.LoadLora(Saved, new LoadOptions { Labels = Findings }) is var same ? same.Labels : null);
        same.Remove();
        string Refused(params string[] labels) => Assert.Throws<LoraException>(() => model.LoadLora(Saved, new LoadOptions { Labels = labels })).Message;
        const string Advice = " Give the labels in the order of the training data, or set AllowOtherLabels.";
        Assert.Equal("adapter was trained for other labels: 3 there and 3 here, and number 2 is 'Effusion' there and 'Hernia' here." + Advice, Refused("Atelectasis", "Hernia", "Effusion"));
        Assert.Equal("adapter was trained for other labels: 3 there and 2 here, and number 3 is 'Hernia' there and missing here." + Advice, Refused("Atelectasis", "Effusion"));
        Assert.Equal("adapter was trained for other labels: 3 there and 4 here, and number 4 is missing there and 'Mass' here." + Advice, Refused("Atelectasis", "Effusion", "Hernia", "Mass"));
        var other = model.LoadLora(Saved, new LoadOptions { Labels = ["x"], AllowOtherLabels = true });
        Assert.Equal(Findings, other.Labels);
    }

    [Fact]
    public void A_missing_and_a_foreign_key_are_errors_unless_asked_for()
    {
        Save();
        Edit(tensors =>
        {
            tensors.Remove("base_model.model.head.bias");
            tensors["base_model.model.extra"] = zeros(1);
        });
        using var model = PeftGoldenTests.Base();
        Assert.Equal("adapter does not fit this model's adapter: it lacks base_model.model.head.bias; the model has no place for base_model.model.extra. Inject with the configuration it was saved with.",
            Assert.Throws<LoraException>(() => model.LoadLora(Saved)).Message);
        Assert.Throws<LoraException>(() => model.LoadLora(Saved, new LoadOptions { AllowMissingKeys = true }));
        Assert.Throws<LoraException>(() => model.LoadLora(Saved, new LoadOptions { AllowForeignKeys = true }));
        using var bias = model.get_parameter("head.bias")!.clone();
        model.LoadLora(Saved, new LoadOptions { AllowMissingKeys = true, AllowForeignKeys = true });
        Assert.True(Bits.Equal(bias, model.get_parameter("head.bias")!));
    }

    [Fact]
    public void Two_files_that_disagree_are_refused()
    {
        Save();
        var path = Path.Combine(Saved, "adapter_config.json");
        File.WriteAllText(path, File.ReadAllText(path).Replace("\"lora_alpha\": 16", "\"lora_alpha\": 32", StringComparison.Ordinal));
        using var model = PeftGoldenTests.Base();
        Assert.StartsWith("adapter does not fit this model's adapter: blocks.0.attn.qkv has lora_alpha 32 in adapter_config.json and 16 here; ", Assert.Throws<LoraException>(() => model.LoadLora(Saved)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_damaged_file_anywhere_ends_in_one_of_the_two_exceptions_and_the_plain_model()
    {
        Save(Findings);
        using var model = PeftGoldenTests.Base();
        using var before = PeftGoldenTests.Logits(model);
        var (loaded, refused) = (0, 0);
        foreach (var path in Directory.EnumerateFiles(Saved).Order().ToList())
        {
            var bytes = File.ReadAllBytes(path);
            for (var i = 0; i < bytes.Length; i += 1 + bytes.Length / 40)
                foreach (var damaged in new[] { bytes[..i], [.. bytes[..i], (byte)(bytes[i] ^ 0x10), .. bytes[(i + 1)..]] })
                {
                    File.WriteAllBytes(path, damaged);
                    try
                    {
                        model.LoadLora(Saved).Remove();
                        loaded++;
                    }
                    catch (Exception error) when (error is LoraException or CheckpointException)
                    {
                        refused++;
                    }
                }
            File.WriteAllBytes(path, bytes);
        }
        Assert.True(refused > loaded, $"{loaded} loaded, {refused} refused");
        Assert.Equal(new VisionTransformer(PeftGoldenTests.Shape).state_dict().Keys, model.state_dict().Keys);
    }

    [Fact]
    public void Nothing_but_the_configuration_the_labels_and_hashes_is_in_our_file()
    {
        Save(Findings);
        var json = JsonNode.Parse(File.ReadAllText(Path.Combine(Saved, "medpeft_config.json")))!.AsObject();
        Assert.Equal(["base", "config", "labels", "method", "version"], json.Select(field => field.Key));
        Assert.Equal(["algorithm", "tensors"], json["base"]!.AsObject().Select(field => field.Key));
        Assert.Equal(40, json["base"]!["tensors"]!.AsObject().Count);
        Assert.DoesNotContain(_folder.Path, json.ToJsonString() + File.ReadAllText(Path.Combine(Saved, "adapter_config.json")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"version\": 1", "\"version\": 2", "it is of version 2, and this library reads version 1. Read it by a newer MedPeft.Lora.")]
    [InlineData("\"rank\": 2", "\"rank\": 0", "it is not the file that Save writes: Rank is 0; it must be at least 1, and 4 to 32 is usual. (Parameter 'Rank')")]
    [InlineData("\"rank\": 2", "\"rang\": 2", null)]
    [InlineData("\"method\": \"LoraConfig\"", "\"method\": \"String\"", null)]
    [InlineData("sha256", "md5", "it is not the file that Save writes: base is no fingerprint that this library makes")]
    public void Our_file_is_read_strictly(string text, string instead, string? reason)
    {
        Save();
        var path = Path.Combine(Saved, "medpeft_config.json");
        var before = File.ReadAllText(path);
        Assert.Contains(text, before, StringComparison.Ordinal);
        File.WriteAllText(path, before.Replace(text, instead, StringComparison.Ordinal));
        using var model = PeftGoldenTests.Base();
        var error = Assert.Throws<CheckpointException>(() => model.LoadLora(Saved));
        if (reason is not null) Assert.Equal(reason, error.Reason);
    }

    [Fact]
    public void A_save_that_fails_leaves_the_old_adapter_whole()
    {
        Save(Findings);
        var before = Directory.EnumerateFiles(Saved).Order().Select(File.ReadAllBytes).ToList();
        using var model = PeftGoldenTests.Base();
        var lora = model.LoadLora(Saved);
        Filled(lora);
        Directory.CreateDirectory(Path.Combine(Saved, ".medpeft-commit")); // so that the commit itself cannot appear
        Assert.Throws<CheckpointException>(() => lora.Save(Saved));
        Directory.Delete(Path.Combine(Saved, ".medpeft-commit"));
        Assert.Equal(before, Directory.EnumerateFiles(Saved).Order().Select(File.ReadAllBytes));
    }

    private void Save(IReadOnlyList<string>? labels = null)
    {
        using var model = PeftGoldenTests.Base();
        var lora = Filled(model.InjectLora(Config));
        lora.Labels = labels;
        lora.Save(Saved);
    }

    private void Edit(Action<Dictionary<string, Tensor>> change)
    {
        var path = Path.Combine(Saved, "adapter_model.safetensors");
        Dictionary<string, Tensor> tensors;
        using (var file = Safetensors.Open(path)) tensors = file.Tensors.Keys.ToDictionary(key => key, file.Read);
        change(tensors);
        Safetensors.Write(path, tensors);
    }

    private static LoraAdapter Filled(LoraAdapter lora)
    {
        using var none = no_grad();
        foreach (var layer in lora.Layers) ((LoraLayer)lora.Layer(layer.Path)).B.normal_(0, .3);
        return lora;
    }
}

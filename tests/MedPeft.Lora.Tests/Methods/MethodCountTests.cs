using MedPeft.Lora.Vision;

namespace MedPeft.Lora.Tests.Methods;

/// <summary>The counts in docs/methods.md.</summary>
public sealed class MethodCountTests : IClassFixture<MethodCountTests.Base16>
{
    private static readonly LoraConfig QueryAndValue = new() { Rank = 4, Blocks = [LoraBlock.Query, LoraBlock.Value] };
    private readonly VisionTransformer _vit;

    public MethodCountTests(Base16 model) => _vit = model.Vit;

    public static TheoryData<AdapterConfig, long> Counts => new()
    {
        { QueryAndValue, 147_456 },
        { QueryAndValue with { RankStabilized = true }, 147_456 },
        { QueryAndValue with { Dora = true }, 165_888 },
        { QueryAndValue with { Initialization = LoraInitialization.Pissa }, 147_456 },
        { QueryAndValue with { Initialization = LoraInitialization.Olora }, 147_456 },
        { QueryAndValue with { Initialization = LoraInitialization.Eva }, 147_456 },
        { QueryAndValue with { FreezeA = true }, 73_728 },
        { new VeraConfig(), 30_720 },
        { new AdaLoraConfig(), 442_512 },
        { new Ia3Config(), 55_296 },
        { new SsfConfig(), 204_288 },
        { new PromptConfig(), 7_680 },
        { new PromptConfig { Deep = true }, 92_160 },
        { new BitFitConfig(), 102_926 },
        { new NormTuningConfig(), 38_400 },
        { new LinearProbeConfig(), 10_766 },
        { new LinearProbeConfig { Trainable = ["head", "fc_norm"] }, 12_302 },
        { new FullConfig(), 85_809_422 },
    };

    [Theory, MemberData(nameof(Counts))]
    public void They_are_what_a_plan_says_for_ViT_B(AdapterConfig config, long trained)
    {
        var plan = _vit.PlanAdapter(config);
        Assert.Equal(trained, plan.Parameters.Trained);
        Assert.Contains($"{trained:N0}", File.ReadAllText(Guide()), StringComparison.Ordinal);
    }

    /// <summary>The model, made once: plans change nothing.</summary>
    public sealed class Base16 : IDisposable
    {
        public VisionTransformer Vit { get; } = new(ViTConfig.Base16);

        public void Dispose() => Vit.Dispose();
    }

    private static string Guide()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "MedPeft.Lora.sln")))
                return Path.Combine(folder.FullName, "docs", "methods.md");
        throw new DirectoryNotFoundException("The tests run inside the repository.");
    }
}

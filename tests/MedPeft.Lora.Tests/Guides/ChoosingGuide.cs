using MedPeft.Lora.Metrics;
using MedPeft.Lora.Vision;

namespace MedPeft.Lora.Tests.Guides;

/// <summary>The code of docs/choosing.md.</summary>
public class ChoosingGuide
{
    [Fact]
    public void A_sweep_over_ranks_keeps_the_scale()
    {
        #region choose-sweep
        foreach (var rank in (int[])[4, 8, 16, 32])
        {
            var confounded = new LoraConfig { Rank = rank, Alpha = 32 };                        // scale 8, 4, 2, 1
            var fixedScale = new LoraConfig { Rank = rank, Alpha = 8 * rank };                  // scale 8, whatever the rank
            var stabilized = new LoraConfig { Rank = rank, Alpha = 16, RankStabilized = true }; // scale 8, 5.66, 4, 2.83
            Console.WriteLine($"{rank}: {confounded.Scale:F2} {fixedScale.Scale:F2} {stabilized.Scale:F2}");
        }
        #endregion

        Assert.Equal([8, 4, 2, 1], new[] { 4, 8, 16, 32 }.Select(rank => new LoraConfig { Rank = rank, Alpha = 32 }.Scale));
        Assert.Equal([8, 5.66, 4, 2.83], new[] { 4, 8, 16, 32 }.Select(rank => Math.Round(new LoraConfig { Rank = rank, Alpha = 16, RankStabilized = true }.Scale, 2)));
    }

    [Fact]
    public void Candidates_are_counted_before_anything_is_trained()
    {
        using var vit = new VisionTransformer(new ViTConfig { ImageSize = 32, PatchSize = 8, EmbedDim = 48, Depth = 3, Heads = 3, Outputs = 2 });
        var counts = new List<long>();

        #region choose-plan
        AdapterConfig[] candidates =
        [
            new LoraConfig { Rank = 4, Alpha = 32, Blocks = [LoraBlock.Query, LoraBlock.Value], Trainable = ["head", "fc_norm"] },
            new LoraConfig { Rank = 4, Alpha = 32, Targets = ["qkv", "proj", "fc1", "fc2"], Trainable = ["head", "fc_norm"] },
            new BitFitConfig { Trainable = ["head"] },
            new LinearProbeConfig(),
        ];
        foreach (var candidate in candidates)
        {
            var plan = vit.PlanAdapter(candidate);      // changes nothing
            Console.WriteLine($"{candidate.GetType().Name}: {plan.Parameters}, gradients and AdamW state {plan.TrainingBytes:N0} bytes");
            counts.Add(plan.Parameters.Trained);
        }
        #endregion

        Assert.Equal(4, counts.Distinct().Count());
    }

    [Fact]
    public void Two_runs_are_compared_with_an_interval()
    {
        var random = new Random(3);
        float[] truth = [.. Enumerable.Range(0, 200).Select(i => i % 2f)];
        float[] lora = [.. truth.Select(label => label + 2 * random.NextSingle())];
        float[] probe = [.. truth.Select(label => label + 4 * random.NextSingle())];

        #region choose-compare
        var difference = DeLong.Compare(lora, probe, truth)!;   // scores of two runs on the same test images, one finding; null if it has one class only
        Console.WriteLine($"{difference.Value:F3}, 95 % interval {difference.Interval()}, p = {difference.P:F4}");
        #endregion

        Assert.True(difference.P < .05);
    }
}

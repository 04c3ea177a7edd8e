using MedPeft.Lora.Metrics;

namespace MedPeft.Lora.Tests.Metrics;

public class StudyScoresTests
{
    private static readonly float[] Scores = [0.25f, 1, 0.75f, 3, 0.5f, 2, 0.875f, -4];
    private static readonly float[] Labels = [0, float.NaN, 1, 0, 0, 1, 1, float.NaN];
    private static readonly string[] Studies = ["s2", "s1", "s2", "s1"];

    [Fact]
    public void Scores_are_pooled_by_mean_and_labels_by_any_positive()
    {
        var pooled = StudyScores.Pool(Scores, Labels, ["a", "b"], Studies);
        Assert.Equal(["s2", "s1"], pooled.Studies);
        Assert.Equal([0.375f, 1.5f, 0.8125f, -0.5f], pooled.Scores);
        Assert.Equal([0, 1, 1, 0], pooled.Labels);
        Assert.Equal(0, pooled.Disagreements);
    }

    [Fact]
    public void Or_by_the_highest()
    {
        Assert.Equal([0.5f, 2, 0.875f, 3], StudyScores.Pool(Scores, Labels, ["a", "b"], Studies, StudyPooling.Maximum).Scores);
    }

    [Fact]
    public void Images_that_disagree_are_counted_and_labels_all_missing_stay_so()
    {
        var pooled = StudyScores.Pool([1, 2, 3, 4, 5], [1, 0, 1, float.NaN, 0], ["a"], ["x", "x", "x", "y", "z"]);
        Assert.Equal([1, float.NaN, 0], pooled.Labels);
        Assert.Equal(1, pooled.Disagreements);
        Assert.Equal([1, 0], StudyScores.Pool([1, 2, 3], [0, 1, 0], ["a"], ["x", "x", "z"]).Labels);
    }

    [Fact]
    public void A_study_of_one_image_keeps_its_score_bit_for_bit()
    {
        var (scores, labels) = RandomCases.Draw(1, 500, levels: 1 << 22, missing: 0.2);
        string[] own = [.. Enumerable.Range(0, 500).Select(i => $"{i}")];
        foreach (var pooling in Enum.GetValues<StudyPooling>())
        {
            var pooled = StudyScores.Pool(scores, labels, ["a"], own, pooling);
            Assert.Equal(scores, pooled.Scores);
            Assert.Equal(labels, pooled.Labels);
        }
    }

    [Fact]
    public void Bad_input_is_named()
    {
        Assert.Equal("studies has 2 keys for 4 cases; give one per case. (Parameter 'studies')", Assert.Throws<ArgumentException>(() => StudyScores.Pool(Scores, Labels, ["a", "b"], ["x", "y"])).Message);
        Assert.Equal("studies has no key for case 3; where it is unknown, give the case a key of its own. (Parameter 'studies')",
            Assert.Throws<ArgumentException>(() => StudyScores.Pool(Scores, Labels, ["a", "b"], ["x", "y", "z", null!])).Message);
        Assert.StartsWith("Scores are pooled by Mean or by Maximum. (Parameter 'pooling')",
            Assert.Throws<ArgumentOutOfRangeException>(() => StudyScores.Pool(Scores, Labels, ["a", "b"], Studies, (StudyPooling)7)).Message);
    }
}

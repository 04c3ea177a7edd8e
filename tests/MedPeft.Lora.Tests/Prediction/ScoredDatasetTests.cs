using MedPeft.Lora.Data;
using MedPeft.Lora.Metrics;
using MedPeft.Lora.Prediction;

namespace MedPeft.Lora.Tests.Prediction;

public class ScoredDatasetTests
{
    private static readonly string[] Labels = ["A", "B"];

    [Fact]
    public void Images_are_evaluated_by_their_logits_at_the_predictors_temperature()
    {
        var scored = Sample(40, temperature: 2);

        var report = scored.Evaluate(new EvaluationOptions { Bootstrap = new BootstrapOptions { Replicates = 20, Groups = scored.Patients } });

        var expected = Evaluation.Run(scored.Logits, [.. scored.Data.SelectMany(image => image.Labels)], Labels, new EvaluationOptions { Scores = ScoreKind.Logit, Temperature = 2 });
        Assert.Equal(expected.Auroc, report.Auroc);
        Assert.Equal(expected.MacroBrier, report.MacroBrier);
        Assert.Equal("s/p0", scored.Patients[0]);
        Assert.NotNull(report.Bootstrap?.Macro);
    }

    [Fact]
    public void The_images_of_a_study_are_pooled()
    {
        var scored = Sample(40);

        var report = scored.EvaluateStudies();

        Assert.Equal(20, report.Cases);
        var study = scored.Logits[0] / 2.0 + scored.Logits[2] / 2.0;
        var pooled = StudyScores.Pool(scored.Logits, [.. scored.Data.SelectMany(image => image.Labels)], Labels, [.. scored.Data.Select(image => image.Study!)]);
        Assert.Equal(study, pooled.Scores[0], 6);
        Assert.Equal(Auroc.PerLabel(pooled.Scores, pooled.Labels, Labels), report.Auroc);
    }

    [Fact]
    public void Subgroups_come_from_the_records()
    {
        var scored = Sample(40);

        Assert.Equal(["Female", "Male", "unknown"], scored.BySex(2).Groups.Select(group => group.Name));
        Assert.Equal(["18-39", "60-79"], scored.ByAge(leastPerClass: 2).Groups.Select(group => group.Name));
        Assert.Equal(["AP", "unknown"], scored.ByView(2).Groups.Select(group => group.Name));
    }

    [Fact]
    public void Calibration_fits_one_temperature_and_a_threshold_for_each_label_with_both_classes()
    {
        var scored = Sample(200, sharpness: 4);

        var settings = scored.Calibrate(new PredictionSettings { Labels = Labels });
        var probabilities = Calibration.Sigmoid(scored.Logits, settings.Temperature);

        Assert.True(settings.Temperature > 1, $"{settings.Temperature}");
        Assert.Equal(Labels, settings.Thresholds.Keys.Order());
        var truth = scored.Data.Select(image => image.Labels[0]).ToArray();
        var best = OperatingPoint.MaximumYouden([.. probabilities.Where((_, i) => i % 2 == 0)], truth)!;
        Assert.Equal(best.Threshold, (float)settings.Thresholds["A"]);
        Assert.NotEqual(settings.Thresholds, scored.Calibrate(settings, ThresholdRule.F1).Thresholds);
    }

    [Fact]
    public void What_does_not_fit_is_named()
    {
        var scored = Sample(8, study: false);

        Assert.Equal(
            "8 of 8 images name no study. Evaluate image by image, or open the data set with the column of its studies.",
            Assert.Throws<ArgumentException>(() => scored.EvaluateStudies()).Message);
        Assert.StartsWith(
            "The settings name A, C and the data A, B; both name the same labels in the same order.",
            Assert.Throws<ArgumentException>(() => scored.Calibrate(new PredictionSettings { Labels = ["A", "C"] })).Message);
    }

    private static ScoredDataset Sample(int count, double temperature = 1, double sharpness = 1, bool study = true)
    {
        var random = new Random(7);
        var logits = new float[count * 2];
        var records = Enumerable.Range(0, count).Select(i =>
        {
            var labels = new float[2];
            for (var k = 0; k < 2; k++)
            {
                var logit = (random.NextDouble() - .5) * 4;
                labels[k] = random.NextDouble() < 1 / (1 + Math.Exp(-logit)) ? 1 : 0;
                logits[i * 2 + k] = (float)(logit * sharpness);
            }

            return new ImageRecord
            {
                Path = $"{i}.png", Labels = labels, Source = "s", Patient = $"p{i / 4}", Study = study ? $"e{i / 2}" : null, Age = i % 2 == 0 ? 30 : 65,
                Sex = (i % 3) switch { 0 => Sex.Female, 1 => Sex.Male, _ => Sex.Unknown }, View = i % 2 == 0 ? ViewPosition.AP : ViewPosition.Unknown,
            };
        }).ToList();
        return new ScoredDataset(new ImageDataset("sample", Labels, records), logits, temperature, []);
    }
}

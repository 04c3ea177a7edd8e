using MedPeft.Lora.Metrics;

namespace MedPeft.Lora.Tests.Metrics;

public class EvaluationTests
{
    [Fact]
    public void The_report_holds_what_the_single_functions_give()
    {
        const int K = 4;
        var (scores, labels) = RandomCases.Draw(1, 400 * K, levels: 60, missing: 0.05);
        for (var row = 0; row < 400; row++) labels[row * K + 3] = 0;
        var names = AurocTests.Names(K);
        var resampling = new BootstrapOptions { Replicates = 60 };
        var report = Evaluation.Run(scores, labels, names, new EvaluationOptions { Bootstrap = resampling, Bins = 7 });
        Assert.Equal(400, report.Cases);
        Assert.Equal(Auroc.PerLabel(scores, labels, names), report.Auroc);
        Assert.Equal(Bootstrap.PerLabel(scores, labels, names, resampling).Macro, report.Bootstrap!.Macro);
        for (var k = 0; k < K; k++)
        {
            float[] s = AurocTests.Column(scores, k, K), l = AurocTests.Column(labels, k, K);
            var label = report.PerLabel[k];
            Assert.Equal((names[k], l.Count(x => x == 1), l.Count(x => x == 0), l.Count(float.IsNaN)), (label.Label, label.Positives, label.Negatives, label.Missing));
            Assert.Equal(Auroc.Compute(s, l), label.Auroc);
            Assert.Equal(DeLong.Compute(s, l), label.Estimate);
            Assert.Equal(DeLong.Compute(s, l)?.Interval().Within(0, 1), label.Interval);
            Assert.Equal(Auroc.Partial(s, l, 0.1), label.PartialAuroc);
            Assert.Equal(AveragePrecision.Compute(s, l), label.AveragePrecision);
            Assert.Equal([OperatingPoint.AtSpecificity(s, l, 0.8), OperatingPoint.AtSpecificity(s, l, 0.9), OperatingPoint.AtSpecificity(s, l, 0.95)], label.AtSpecificities);
            Assert.Equal(OperatingPoint.MaximumF1(s, l), label.MaximumF1);
            Assert.Equal(OperatingPoint.MaximumYouden(s, l), label.MaximumYouden);
            Assert.Null(label.AtF1Threshold);
            Assert.Equal(Calibration.Brier(s, l), label.Brier);
            Assert.Equal(Calibration.NegativeLogLikelihood(s, l), label.NegativeLogLikelihood);
            Assert.Equal(Calibration.ExpectedError(s, l, 7), label.CalibrationError);
            Assert.Equal(Calibration.Reliability(s, l, 7), label.Reliability);
            Assert.Equal(RocCurve.Compute(s, l), label.Roc);
            Assert.Equal(PrecisionRecallCurve.Compute(s, l), label.PrecisionRecall);
        }

        Assert.Equal(report.PerLabel.Take(3).Average(l => l.AveragePrecision)!.Value, report.MacroAveragePrecision);
        Assert.Equal(report.PerLabel.Take(3).Average(l => l.Brier)!.Value, report.MacroBrier);
        Assert.Equal(report.PerLabel.Take(3).Average(l => l.CalibrationError)!.Value, report.MacroCalibrationError);
    }

    [Fact]
    public void Thresholds_of_the_validation_report_are_applied_to_the_test_cases()
    {
        var names = AurocTests.Names(2);
        var (scores, labels) = RandomCases.Draw(1, 600);
        var (testScores, testLabels) = RandomCases.Draw(2, 800);
        var validation = Evaluation.Run(scores, labels, names);
        var test = Evaluation.Run(testScores, testLabels, names, new EvaluationOptions { Thresholds = validation.Thresholds });
        for (var k = 0; k < 2; k++)
        {
            var (f1, youden) = (test.PerLabel[k].AtF1Threshold!, test.PerLabel[k].AtYoudenThreshold!);
            Assert.Equal(validation.PerLabel[k].MaximumF1!.Threshold, f1.Threshold);
            Assert.Equal(OperatingPoint.At(AurocTests.Column(testScores, k, 2), AurocTests.Column(testLabels, k, 2), f1.Threshold), f1);
            Assert.Equal(validation.PerLabel[k].MaximumYouden!.Threshold, youden.Threshold);
            Assert.True(f1.F1 <= test.PerLabel[k].MaximumF1!.F1);
        }
    }

    [Fact]
    public void Logits_rank_as_they_are_and_are_calibrated_by_their_temperature()
    {
        var (scores, labels) = RandomCases.Draw(3, 500, levels: 200);
        float[] logits = [.. scores.Select(s => 40 * s - 20)];
        var scaling = TemperatureScaling.Fit(logits, labels)!;
        var raw = Evaluation.Run(logits, labels, ["a"], new EvaluationOptions { Scores = ScoreKind.Logit });
        var scaled = Evaluation.Run(logits, labels, ["a"], new EvaluationOptions { Scores = ScoreKind.Logit, Temperature = scaling.Temperature });
        Assert.Equal(raw.Auroc, scaled.Auroc);
        Assert.Equal(scaling.Before, raw.PerLabel[0].NegativeLogLikelihood!.Value, 1e-12);
        Assert.Equal(scaling.After, scaled.PerLabel[0].NegativeLogLikelihood!.Value, 1e-12);
        Assert.True(scaled.PerLabel[0].CalibrationError < raw.PerLabel[0].CalibrationError);
    }

    [Fact]
    public void The_result_does_not_depend_on_the_number_of_threads()
    {
        var (scores, labels) = RandomCases.Draw(4, 700 * 6, missing: 0.1);
        string Run(int threads) => Evaluation.Run(scores, labels, AurocTests.Names(6), new EvaluationOptions { Threads = threads }).ToString();
        Assert.Equal(Run(1), Run(0));
        Assert.Equal(Run(1), Run(5));
    }

    [Fact]
    public void The_report_prints_a_table()
    {
        float[] scores = [0.1f, 0.9f, 0.4f, 0.8f, 0.35f, 0.7f, 0.8f, 0.6f], labels = [0, 1, 0, 1, 1, 1, 1, float.NaN];
        var report = Evaluation.Run(scores, labels, ["Edema", "Hernia"], new EvaluationOptions { Specificities = [0.9], Bins = 5 });
        Assert.Equal(
            """
            label   positive  negative   AUROC      95% interval      AP  sens@0.9  max F1   Brier     ECE
            Edema          2         2  0.7500  [0.0570, 1.0000]  0.8333    0.5000  0.8000  0.1581  0.3375
            Hernia         3         0       -                 -  1.0000         -  1.0000  0.0467  0.2000
            macro                       0.7500                    0.8333                    0.1581  0.3375
            4 cases; macro AUROC 0.7500 over 1 of 2 labels; left out, cases of one class only: Hernia (3 positive, 0 negative); ECE over 5 bins; max F1 and sens@ at thresholds chosen on these cases
            """.ReplaceLineEndings("\n"), report.ToString());
    }

    [Fact]
    public void Curves_are_kept_on_demand()
    {
        var label = Evaluation.Run([0.1f, 0.9f], [0, 1], ["a"], new EvaluationOptions { Curves = false }).PerLabel[0];
        Assert.Null(label.Roc);
        Assert.Null(label.PrecisionRecall);
    }

    [Fact]
    public void Bad_input_is_named()
    {
        string Error(Action call) => Assert.ThrowsAny<ArgumentException>(call).Message;
        float[] scores = [0.1f, 2.5f], labels = [0, 1];
        Assert.Equal("The score of case 1, label 'a', is 2.5, no probability. If the scores are logits, say so: Scores = ScoreKind.Logit.", Error(() => Evaluation.Run(scores, labels, ["a"])));
        Assert.Equal(
            "Temperature is 2 and Scores are probabilities; a temperature divides logits: pass those, with Scores = ScoreKind.Logit.",
            Error(() => Evaluation.Run(scores, labels, ["a"], new EvaluationOptions { Temperature = 2 })));
        var logits = new EvaluationOptions { Scores = ScoreKind.Logit };
        Assert.Equal(
            "Thresholds has none for the label 'a'; it names 'b'. Choose them on cases with the same labels.",
            Error(() => Evaluation.Run(scores, labels, ["a"], logits with { Thresholds = [new LabelThresholds("b", 0.5f, 0.5f)] })));
        Assert.Equal(
            "The F1 threshold of the label 'a' is NaN; give a score, positive infinity, or null for none.",
            Error(() => Evaluation.Run(scores, labels, ["a"], logits with { Thresholds = [new LabelThresholds("a", float.NaN, null)] })));
        Assert.StartsWith("A specificity lies from 0 to 1.", Error(() => Evaluation.Run(scores, labels, ["a"], logits with { Specificities = [90] })));
        Assert.StartsWith("A partial area ends at", Error(() => Evaluation.Run(scores, labels, ["a"], logits with { PartialUpTo = 0 })));
        Assert.Equal("2 scores are no whole number of rows of 3 labels; pass them row-major, [n, 3]. (Parameter 'scores')", Error(() => Evaluation.Run(scores, labels, ["a", "b", "c"])));
        Assert.Equal("The score of case 0, label 'a', is NaN; scores must be finite. A model that yields it has diverged, or its input held it.", Error(() => Evaluation.Run([float.NaN], [1], ["a"])));
        Assert.StartsWith("A temperature divides the logits: it is finite and above 0. (Parameter 'Temperature')", Error(() => _ = new EvaluationOptions { Temperature = double.NaN }));
        Assert.StartsWith("Bins ('0') must be", Error(() => _ = new EvaluationOptions { Bins = 0 }));
        Assert.StartsWith("A level of confidence", Error(() => _ = new EvaluationOptions { Level = 95 }));
        Assert.StartsWith("Threads ('-2') must be", Error(() => _ = new EvaluationOptions { Threads = -2 }));
    }
}

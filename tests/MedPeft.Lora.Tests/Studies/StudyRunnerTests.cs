using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Data;
using MedPeft.Lora.Studies;
using MedPeft.Lora.Training;

namespace MedPeft.Lora.Tests.Studies;

public class StudyRunnerTests
{
    [Fact]
    public void A_study_that_was_stopped_again_and_again_ends_with_the_bytes_of_one_that_was_not()
    {
        using var tiny = new TinyStudy();
        var (calm, troubled) = (tiny.Runner("calm"), tiny.Runner("troubled", checkpointSteps: 1));
        foreach (var cell in calm.Cells) Assert.Equal(CellOutcome.Done, calm.Run(cell));
        foreach (var cell in troubled.Cells)
        {
            using var stop = new CancellationTokenSource();
            var first = troubled.Run(cell, new StopAt(cell.Index % 2 + 1, stop), stop.Token);
            Assert.Equal((CellOutcome.Stopped, CellState.Interrupted), (first, troubled.State(cell)));
            Assert.Equal(CellOutcome.Done, troubled.Run(cell));
            Assert.Equal(CellOutcome.WasDone, troubled.Run(cell));
            Assert.Equal(2, troubled.Timing(cell)!.Starts);
        }

        var (a, b) = (StudyReport.Of(calm, replicates: 50), StudyReport.Of(troubled, replicates: 50));
        Assert.Equal(a.ToMarkdown(), b.ToMarkdown());
        Assert.Equal(a.CellsCsv(), b.CellsCsv());
        Assert.Equal(a.LabelsCsv(), b.LabelsCsv());
        Assert.Equal(a.TasksCsv(), b.TasksCsv());
        foreach (var cell in calm.Cells)
        {
            foreach (var file in new[] { "result.json", "predictions.safetensors", "settings.json" })
                Assert.Equal(File.ReadAllBytes(Path.Combine(calm.Folder(cell).Root, file)), File.ReadAllBytes(Path.Combine(troubled.Folder(cell).Root, file)));
        }

        Judge(a);
        NothingNamesAPatient(Path.Combine(tiny.Folder, "calm"));
    }

    private static void Judge(StudyReport report)
    {
        Assert.Equal(("FFT", 8, 2), (report.Reference, report.Done, report.Tasks.Count));
        var lora = report.Tasks[1].Methods[0];
        Assert.Equal(lora.Results.Average(result => result.Auroc), lora.Auroc);
        Assert.Equal(lora.Auroc!.Value - report.Tasks[1].Methods[1].Auroc!.Value, lora.Difference!.Value, 1e-12);
        Assert.True(lora.AdjustedP >= lora.P);
        Assert.Null(report.Tasks[1].Methods[1].Difference);
        Assert.Equal((24, 12, 0), (lora.Results[0].Train.Images, lora.Results[0].Train.Patients, lora.Results[0].PatientsSharedWithTest));
        Assert.True(lora.TrainedParameters < lora.Results[0].TotalParameters / 4);
        var wins = report.Wins("LoRA");
        Assert.Equal(2, wins.Tasks);
        Assert.InRange(wins.Higher + wins.Lower, 0, 2);
        Assert.Equal(20 * 14 * 2, report.Reliability(report.Tasks[0], "LoRA").Sum(bin => bin.Count));
        Assert.Contains("8 of 8 cells are done.", report.ToMarkdown(), StringComparison.Ordinal);
        var groups = report.Subgroups(report.Tasks[0], SubgroupKind.Sex, leastPerClass: 2);
        Assert.Equal(["Female", "Male"], groups.Select(group => group.Name));
        Assert.Equal(20, groups.Sum(group => group.Images));
    }

    // Patients 70000 and up are nowhere in what a study writes: not in the bytes of any file.
    private static void NothingNamesAPatient(string output)
    {
        foreach (var file in Directory.EnumerateFiles(output, "*", SearchOption.AllDirectories))
        {
            var text = System.Text.Encoding.Latin1.GetString(File.ReadAllBytes(file));
            Assert.DoesNotContain("000700", text, StringComparison.Ordinal);
            Assert.DoesNotContain(".png", text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_cell_that_another_process_works_on_is_left_to_it()
    {
        using var tiny = new TinyStudy();
        var runner = tiny.Runner();
        using (runner.Folder(runner.Cells[0]).TryLock())
        {
            Assert.Equal(CellState.Running, runner.State(runner.Cells[0]));
            Assert.Equal(CellOutcome.Locked, runner.Run(runner.Cells[0]));
        }

        Assert.Equal(CellState.Waiting, runner.State(runner.Cells[0]));
    }

    [Fact]
    public void An_error_that_will_come_again_is_kept_by_its_kind_and_has_its_exit_code()
    {
        using var tiny = new TinyStudy(TinyStudy.Json.Replace("\"testImages\": 20", "\"testImages\": 21", StringComparison.Ordinal));
        var runner = tiny.Runner();
        var error = Assert.Throws<DatasetException>(() => runner.Run(runner.Cells[0]));

        Assert.EndsWith("'test_list.txt' has 20 images, and the study wants 21. Use the list that the study means, or correct the number in the study.", error.Message, StringComparison.Ordinal);
        Assert.Equal(65, StudyRunner.ExitCode(error));
        Assert.Equal(CellState.Failed, runner.State(runner.Cells[0]));
        Assert.Equal(new CellFailure(65, "DatasetException"), runner.Failure(runner.Cells[0]));
    }

    [Fact]
    public void Another_checkpoint_than_the_study_wants_is_refused()
    {
        var wanted = new string('0', 64);
        using var tiny = new TinyStudy(TinyStudy.Json.Replace("\"path\": \"a.safetensors\"", $"\"path\": \"a.safetensors\", \"sha256\": \"{wanted}\"", StringComparison.Ordinal));
        var runner = tiny.Runner();
        var error = Assert.Throws<CheckpointException>(() => runner.Run(runner.Cells[0]));

        Assert.EndsWith($"and the study wants {wanted}. Use the checkpoint that the study means, or correct \"sha256\".", error.Message, StringComparison.Ordinal);
        Assert.Equal(65, StudyRunner.ExitCode(error));
    }

    [Fact]
    public void Exit_codes_tell_data_from_configuration_from_what_may_pass()
    {
        Assert.Equal(78, StudyRunner.ExitCode(new StudyException("x")));
        Assert.Equal(78, StudyRunner.ExitCode(new LoraException("x")));
        Assert.Equal(70, StudyRunner.ExitCode(new TrainingException("x")));
        Assert.Equal(75, StudyRunner.ExitCode(new IOException("no space left on device")));
        Assert.Equal(75, StudyRunner.ExitCode(new CheckpointException("x", "cannot be written", innerException: new IOException("full"))));
        Assert.Equal(65, StudyRunner.ExitCode(new CheckpointException("x", "truncated")));
    }

    private sealed class StopAt(int steps, CancellationTokenSource stop) : IProgress<TrainingProgress>
    {
        private int _seen;

        public void Report(TrainingProgress value)
        {
            if (value.Phase == TrainingPhase.Training && ++_seen == steps) stop.Cancel();
        }
    }
}

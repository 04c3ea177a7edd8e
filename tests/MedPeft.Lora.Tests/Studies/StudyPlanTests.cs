using MedPeft.Lora.Studies;
using MedPeft.Lora.Vision;

namespace MedPeft.Lora.Tests.Studies;

public class StudyPlanTests
{
    [Fact]
    public void Operations_of_the_papers_backbone_are_counted()
    {
        Assert.InRange(VitCost.Forward(ViTConfig.Base16), 34.5e9, 35.5e9);
    }

    [Fact]
    public void The_papers_study_is_planned_without_its_data()
    {
        using var folder = new TemporaryFolder();
        var plan = StudyPlan.Of(Study.Paper(folder.Path), StudyMachine.H200);

        // r = 4 on NIH with 1 %, r = 32 with all: counted on the reference implementation.
        Assert.Equal((159_758, 85_956_878), (plan.Cells[0].TrainedParameters, plan.Cells[0].TotalParameters));
        Assert.Equal(1_191_950, plan.Cells[4].TrainedParameters);
        Assert.Equal(85_809_422, plan.Cells[1].TrainedParameters);
        Assert.Equal((785, 11_219, 22_433), (plan.Cells[0].TrainImages, plan.Cells[0].ValidationImages, plan.Cells[0].TestImages));
        Assert.Equal(100 * 13, plan.Cells[0].Steps);
        Assert.InRange(plan.Time.TotalHours, 10, 200);
        Assert.Equal(5, plan.Missing.Count);
        Assert.StartsWith("backbone MRM: '", plan.Missing[0], StringComparison.Ordinal);
        Assert.EndsWith("RSNA_Pneumonia' does not exist. Put the data set there, or name its root.", plan.Missing[4], StringComparison.Ordinal);
    }

    [Fact]
    public void Lists_on_disk_are_counted_and_a_list_of_another_length_is_told()
    {
        using var tiny = new TinyStudy(TinyStudy.Json.Replace("\"testImages\": 20", "\"testImages\": 21", StringComparison.Ordinal));
        var plan = StudyPlan.Of(tiny.Study, StudyMachine.TwoCores);

        Assert.Equal(24, plan.Cells[4].TrainImages);
        Assert.InRange(plan.Cells[0].TrainImages!.Value, 8, 16);
        Assert.Equal(2 * 3, plan.Cells[4].Steps);
        Assert.Equal(["data set NIH: 'test_list.txt' has 20 images, and the study wants 21. Use the list that the study means, or correct the number in the study."], plan.Missing);
    }

    private sealed class TemporaryFolder : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("medpeft").FullName;

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}

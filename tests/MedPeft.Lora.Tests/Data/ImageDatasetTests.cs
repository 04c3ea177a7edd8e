using MedPeft.Lora.Data;

namespace MedPeft.Lora.Tests.Data;

public class ImageDatasetTests
{
    [Fact]
    public void Counts_tell_present_absent_and_missing_apart()
    {
        var data = new ImageDataset("mine", ["A", "B"], [Record(1, 0), Record(0, float.NaN), Record(1, float.NaN)]);
        Assert.Equal([new LabelCount("A", 2, 1, 0), new LabelCount("B", 0, 1, 2)], data.LabelCounts);
        Assert.Equal(2 / 3.0, data.LabelCounts[0].Prevalence);
        Assert.Equal(
            ["A: 2 of 3 (66.67 %)", "B: 0 of 1 (0.00 %), 2 missing", "C: no value, 3 missing"],
            [.. data.LabelCounts.Select(c => c.ToString()), new LabelCount("C", 0, 0, 3).ToString()]);
    }

    [Fact]
    public void Parts_keep_the_labels_and_leave_the_set_as_it_was()
    {
        var data = new ImageDataset("mine", ["A"], Enumerable.Range(0, 5).Select(i => Record(i % 2) with { Path = $"{i}", Patient = $"{i / 2}" }));
        Assert.Equal(["1", "3"], data.Where(r => r.Labels[0] == 1).Select(r => r.Path));
        Assert.Equal([data[4], data[0], data[4]], data.Subset([4, 0, 4]));
        Assert.Equal((2, 5, 0), (data.Take(2).Count, data.Take(9).Count, data.Take(0).Count));
        Assert.Equal(("mine", "part"), (data.Take(1).Name, data.Take(1, "part").Name));
        Assert.Equal((5, 3), (data.Count, data.PatientCount));
    }

    [Fact]
    public void It_prints_its_numbers_and_neither_path_nor_patient()
    {
        var data = new ImageDataset(
            "mine", ["A"], [Record(1) with { Patient = "Smith", View = ViewPosition.AP }, Record(0) with { View = ViewPosition.Lateral }, Record(0)]);
        Assert.Equal("mine: 3 images of 1 patients, 1 labels, views: Unknown 1, AP 1, Lateral 1", data.ToString());
        Assert.Equal("mine: 0 images, 1 labels, views: none", data.Take(0).ToString());
        Assert.Equal("image with 1 of 1 findings, view AP", data[0].ToString());
    }

    [Fact]
    public void Records_that_do_not_fit_are_refused()
    {
        Assert.Equal(
            "The label 'A' is given twice; each label has one name. (Parameter 'labels')",
            Assert.Throws<ArgumentException>(() => new ImageDataset("x", ["A", "B", "A"], [])).Message);
        Assert.Equal(
            "Record 1 has 2 values and the set 1 labels; give one value for each label. (Parameter 'records')",
            Assert.Throws<ArgumentException>(() => new ImageDataset("x", ["A"], [Record(0), Record(0, 1)])).Message);
        Assert.Equal(
            "Record 0 gives 0.5 for 'A'; 0 (absent), 1 (present) and NaN (missing) fit. (Parameter 'records')",
            Assert.Throws<ArgumentException>(() => new ImageDataset("x", ["A"], [Record(.5f)])).Message);
        Assert.StartsWith(
            "The set has 1 images; positions run from 0 to 0. (Parameter 'indices')",
            Assert.Throws<ArgumentOutOfRangeException>(() => new ImageDataset("x", ["A"], [Record(0)]).Subset([1])).Message,
            StringComparison.Ordinal);
    }

    private static ImageRecord Record(params float[] labels) => new() { Path = "p", Labels = labels };
}

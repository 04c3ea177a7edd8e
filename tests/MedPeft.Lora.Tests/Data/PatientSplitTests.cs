using MedPeft.Lora.Data;

namespace MedPeft.Lora.Tests.Data;

public class PatientSplitTests
{
    private static readonly ImageDataset Thousand = new("thousand", ["x"], Enumerable.Range(0, 3000)
        .Select(i => new ImageRecord { Path = $"{i}.png", Labels = [i % 2], Patient = $"{i / 3}" }));

    [Fact]
    public void No_patient_is_on_both_sides_and_none_is_lost()
    {
        var (rest, held) = Thousand.SplitByPatient(.1);

        Assert.Empty(rest.Select(record => record.Patient).Intersect(held.Select(record => record.Patient)));
        Assert.Equal(3000, rest.Count + held.Count);
        Assert.InRange(held.PatientCount, 70, 130); // 100 ± 3 standard deviations
    }

    [Fact]
    public void A_smaller_share_is_inside_a_larger_one_and_the_seed_changes_both()
    {
        var small = Thousand.SplitByPatient(.01).Held.Select(record => record.Path).ToHashSet();
        var large = Thousand.SplitByPatient(.1).Held.Select(record => record.Path).ToHashSet();

        Assert.Subset(large, small);
        Assert.NotEqual(large, Thousand.SplitByPatient(.1, seed: 1).Held.Select(record => record.Path).ToHashSet());
    }

    [Fact]
    public void A_side_without_images_is_an_error() =>
        Assert.Contains("leaves one side empty", Assert.Throws<DatasetException>(() => Thousand.Take(3).SplitByPatient(.5)).Message);
}

using FsCheck;
using FsCheck.Fluent;
using MedPeft.Lora.Data;

namespace MedPeft.Lora.Tests.Data;

public sealed class ShapingTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Views_sexes_and_ages_are_filtered_and_unknown_ones_left_out()
    {
        var data = Set(
            Record("0") with { View = ViewPosition.PA, Age = 17.5, Sex = Sex.Female },
            Record("1") with { View = ViewPosition.AP, Age = 18, Sex = Sex.Male },
            Record("2") with { View = ViewPosition.Lateral, Age = 65 },
            Record("3"));
        Assert.Equal("01", Paths(data.WithViews(ViewPosition.PA, ViewPosition.AP)));
        Assert.Equal("0", Paths(data.WithSex(Sex.Female)));
        Assert.Equal("1", Paths(data.WithAges(18, 65)));
        Assert.Equal("12", Paths(data.WithAges(18)));
    }

    [Fact]
    public void A_list_picks_images_by_the_ends_of_their_paths()
    {
        var data = Set(Record("/r/p1/view1.jpg"), Record("/r/p2/view1.jpg"), Record("/r/p2/view2.jpg"));
        Assert.Equal([data[2], data[0]], data.Listed(_folder.Write("a.txt", "p2/view2.jpg\np1/view1.jpg\n")));
        Assert.Equal([data[2]], data.Listed(_folder.Write("b.txt", "view2.jpg 0\n")));
        var twice = _folder.Write("c.txt", "view2.jpg\nview1.jpg\n");
        Assert.Equal(
            $"'{twice}', line 2: the image 'view1.jpg' is in 'set' more than once. Give more of its path.",
            Assert.Throws<DatasetException>(() => data.Listed(twice)).Message);
        var none = _folder.Write("d.txt", "p3/view1.jpg\n");
        Assert.Equal(
            $"'{none}', line 1: the image 'p3/view1.jpg' is not in 'set'. Use the list of this data set, or open the whole of it.",
            Assert.Throws<DatasetException>(() => data.Listed(none)).Message);
    }

    [Fact]
    public void Labels_are_renamed_and_absent_ones_are_missing()
    {
        var nih = new ImageDataset("nih", ["Effusion", "Hernia"], [Record("0", 1, 0)]);
        var chexpert = new ImageDataset(
            "chexpert",
            ["Fracture", "Pleural Effusion", "No Finding"],
            [Record("1", 0, 1, 0) with { Boxes = [new FindingBox("Pleural Effusion", 1, 2, 3, 4)] }]);
        var merged = ImageDataset.Merge("both", LabelSet.Pathologies18, nih, chexpert);
        Assert.Equal(18, merged.Labels.Count);
        Assert.Equal("Effusion 1, Hernia 0", Known(merged[0]));
        Assert.Equal("Effusion 1, Fracture 0", Known(merged[1]));
        Assert.Equal("Effusion", merged[1].Boxes[0].Label);
        Assert.Equal(new LabelCount("Fracture", 0, 1, 1), merged.LabelCounts[15]);
        Assert.Equal([1, 0], nih[0].Labels);

        string Known(ImageRecord record) => string.Join(
            ", ", merged.Labels.Zip(record.Labels).Where(l => !float.IsNaN(l.Second)).Select(l => $"{l.First} {l.Second}"));
    }

    [Fact]
    public void The_three_data_sets_come_onto_one_label_set()
    {
        var nih = new ImageDataset("nih", ChestXray14.LabelNames, [Record("0", [.. ChestXray14.LabelNames.Select(label => label == "Pneumonia" ? 1f : 0)])]);
        var chexpert = new ImageDataset("chexpert", CheXpert.LabelNames, [Record("1", [.. CheXpert.LabelNames.Select(label => label == "Pleural Effusion" ? 1f : 0)])]);
        var rsna = new ImageDataset("rsna", Rsna.LabelNames, [Record("2", 0)]);
        var merged = ImageDataset.Merge("all", LabelSet.Pathologies18, nih, chexpert, rsna);
        float Of(int image, string label) => merged[image].Labels[merged.Labels.ToList().IndexOf(label)];
        Assert.Equal([1f, 0f, 0f], Enumerable.Range(0, 3).Select(image => Of(image, "Pneumonia")));
        Assert.Equal((0f, 1f, float.NaN), (Of(0, "Effusion"), Of(1, "Effusion"), Of(2, "Effusion")));
        Assert.Equal((0f, float.NaN), (Of(0, "Hernia"), Of(1, "Hernia")));
        Assert.Equal(14, merged[0].Labels.Count(value => !float.IsNaN(value))); // "Pleural_Thickening" included
        Assert.Equal(1, merged[2].Labels.Count(value => !float.IsNaN(value)));
    }

    [Fact]
    public void Label_sets_that_cannot_work_are_refused()
    {
        Assert.Equal(
            "The label 'A' is given twice; each label has one name. (Parameter 'names')",
            Assert.Throws<ArgumentException>(() => new LabelSet(["A", "A"])).Message);
        Assert.Equal(
            "'B' stands for 'C', which is none of the labels: A. (Parameter 'synonyms')",
            Assert.Throws<ArgumentException>(() => new LabelSet(["A"], new Dictionary<string, string> { ["B"] = "C" })).Message);
        Assert.Equal(
            "'set' has none of the labels X. Its own: L. Add synonyms to the set. (Parameter 'labels')",
            Assert.Throws<ArgumentException>(() => Set(Record("0")).Relabel(new LabelSet(["X"]))).Message);
        var both = new ImageDataset("b", ["Effusion", "Pleural Effusion"], []);
        Assert.Equal(
            "The labels 'Effusion' and 'Pleural Effusion' both stand for 'Effusion'. Leave one out.",
            Assert.Throws<ArgumentException>(() => both.Relabel(LabelSet.Pathologies18)).Message);
    }

    [Fact]
    public void The_first_image_and_the_first_study_of_a_patient_are_kept_whole()
    {
        var data = Set(
            Record("0", float.NaN) with { Patient = "a", Study = "a1" },
            Record("1", 1) with { Patient = "a", Study = "a2" },
            Record("2", 0) with { Patient = "b", Study = "b1" },
            Record("3", 1) with { Patient = "a", Study = "a1" },
            Record("4", 1) with { Patient = "c" },
            Record("5", 1) with { Patient = "c" });
        Assert.Equal("024", Paths(data.FirstPerPatient()));
        Assert.Equal(float.NaN, data.FirstPerPatient()[0].Labels[0]);
        Assert.Equal("0234", Paths(data.FirstStudyPerPatient()));
    }

    [Fact]
    public void Smaller_fractions_lie_inside_larger_ones_and_hold_whole_patients()
    {
        var data = Patients(500);
        Prop.ForAll(Gen.Choose(1, 1000).ToArbitrary(), Gen.Choose(1, 1000).ToArbitrary(), Gen.Choose(0, 5).ToArbitrary(), (a, b, seed) =>
        {
            var (small, large) = (data.Fraction(Math.Min(a, b) / 1000.0, (ulong)seed), data.Fraction(Math.Max(a, b) / 1000.0, (ulong)seed));
            Assert.Subset(large.Select(r => r.Path).ToHashSet(), small.Select(r => r.Path).ToHashSet());
            Assert.Equal(Math.Max(1, (int)Math.Round(500 * (Math.Min(a, b) / 1000.0))), small.PatientCount);
            Assert.Equal(small.Count, data.Count(r => small.Any(s => s.Patient == r.Patient)));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(20));
        Assert.NotEqual(Paths(data.Fraction(.1)), Paths(data.Fraction(.1, 1)));
        Assert.Equal("set 1 %", data.Fraction(.01).Name);
    }

    [Fact]
    public void The_choice_of_patients_is_the_same_for_ever()
    {
        // The four lowest of sha256("fraction:0:pN"), computed elsewhere: a change would change everybody's splits.
        Assert.Equal("p2 p5 p6 p7", string.Join(' ', Patients(20).Fraction(.2).Select(r => r.Patient).Distinct()));
        var reversed = Patients(20).Subset(Enumerable.Range(0, Patients(20).Count).Reverse());
        Assert.Equal("p7 p6 p5 p2", string.Join(' ', reversed.Fraction(.2).Select(r => r.Patient).Distinct()));
    }

    [Fact]
    public void Parts_and_folds_share_no_patient_and_lose_none()
    {
        var data = Patients(101);
        var parts = data.Split([.7, .1, .2]);
        Assert.Equal([71, 10, 20], parts.Select(p => p.PatientCount));
        Assert.Equal(data.Select(r => r.Path).Order(), parts.SelectMany(p => p).Select(r => r.Path).Order());
        Assert.False(
            LeakCheck.Compare(parts[0], parts[1]).HasLeak || LeakCheck.Compare(parts[0], parts[2]).HasLeak || LeakCheck.Compare(parts[1], parts[2]).HasLeak);
        Assert.Equal(50, data.Split([.25, .25]).Sum(p => p.PatientCount));
        var folds = data.Folds(5);
        Assert.Equal(data.Select(r => r.Path).Order(), folds.SelectMany(f => f.Held).Select(r => r.Path).Order());
        Assert.All(folds, f => Assert.Equal((data.Count, false), (f.Train.Count + f.Held.Count, LeakCheck.Compare(f.Train, f.Held).HasLeak)));
        Assert.All(folds, f => Assert.InRange(f.Held.PatientCount, 20, 21));
    }

    [Fact]
    public void A_fraction_of_a_part_is_spread_over_it()
    {
        var part = Patients(2000).Split([.5, .5])[0];
        var inside = part.Fraction(.5).Select(r => r.Patient).ToHashSet();
        var inOther = Patients(2000).Fraction(.5).Select(r => r.Patient).ToHashSet();
        // Of 1,000 patients of the part 500 are chosen; independent choices agree on about 500 +- 16 of 1,000.
        Assert.InRange(part.Select(r => r.Patient).Distinct().Count(p => inOther.Contains(p)), 420, 580);
        Assert.Equal(500, inside.Count);
    }

    [Fact]
    public void Splits_need_patients_and_enough_of_them()
    {
        var data = Set(Record("0") with { Patient = "a" }, Record("1"));
        Assert.Equal(
            "'set' names no patient for 1 of 2 images, so patients cannot be kept together. Give them (for RSNA: put pneumonia-challenge-dataset-mappings_2018.json into the root), "
            + "or set ImageRecord.Patient to the image's name if no patient has two.",
            Assert.Throws<DatasetException>(() => data.Fraction(.5)).Message);
        Assert.Equal(
            "'set' has 3 patients, too few for the shares 0.9, 0.01. Use fewer or larger parts.",
            Assert.Throws<DatasetException>(() => Patients(3).Split([.9, .01])).Message);
        Assert.Equal("'set' has 3 patients, too few for 4 folds. Use fewer folds.", Assert.Throws<DatasetException>(() => Patients(3).Folds(4)).Message);
        Assert.Equal(
            "Found the shares 0.9, 0.2; shares above 0 that sum to at most 1 fit, such as 0.7, 0.1, 0.2. (Parameter 'shares')",
            Assert.Throws<ArgumentException>(() => Patients(3).Split([.9, .2])).Message);
        Assert.Equal(
            "Found 0; a share above 0 and at most 1 fits, such as 0.01. (Parameter 'share')",
            Assert.Throws<ArgumentOutOfRangeException>(() => Patients(3).Fraction(0)).Message);
    }

    [Fact]
    public void Equal_numbers_of_two_sources_are_two_patients()
    {
        var merged = ImageDataset.Merge(
            "m", new LabelSet(["L"]), Set(Record("0") with { Patient = "1", Source = "A" }), Set(Record("1") with { Patient = "1", Source = "B" }));
        Assert.Equal((2, 2), (merged.PatientCount, merged.FirstPerPatient().Count));
    }

    [Fact]
    public void Positive_weights_balance_each_label()
    {
        var data = new ImageDataset("w", ["A", "B", "C"], [Record("0", 1, 0, 1), Record("1", 0, 0, 1), Record("2", 0, float.NaN, 1), Record("3", 0, 0, 1)]);
        Assert.Equal([3, 1, 1], data.PositiveWeights());
        Assert.Equal([2, 1, 1], data.PositiveWeights(2));
    }

    private static ImageDataset Patients(int count)
        => Set([.. Enumerable.Range(0, count).SelectMany(p => Enumerable.Range(0, 1 + p % 3).Select(i => Record($"{p}_{i}") with { Patient = $"p{p}" }))]);

    private static ImageDataset Set(params ImageRecord[] records) => new("set", ["L"], records);

    private static ImageRecord Record(string path, params float[] labels) => new() { Path = path, Labels = labels.Length == 0 ? [0] : labels };

    private static string Paths(ImageDataset data) => string.Concat(data.Select(r => r.Path));
}

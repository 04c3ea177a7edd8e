using MedPeft.Lora.Data;

namespace MedPeft.Lora.Tests.Data;

/// <summary>On tables made up here: the terms of the real ones forbid passing them on.</summary>
public sealed class CheXpertTests : IDisposable
{
    private const string Header = "Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Enlarged Cardiomediastinum,Cardiomegaly,Lung Opacity,Lung Lesion,Edema,Consolidation,"
        + "Pneumonia,Atelectasis,Pneumothorax,Pleural Effusion,Pleural Other,Fracture,Support Devices\n";

    private const string First = "CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg,Female,68,Frontal,AP,,,-1.0,,,-1.0,-1.0,,-1.0,,-1.0,,1.0,0.0\n";

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_row_becomes_a_record()
    {
        var image = _folder.Image("CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg");
        _folder.Write("CheXpert-v1.0-small/train.csv", Header + First);
        foreach (var root in new[] { _folder.Path, _folder.In("CheXpert-v1.0-small") })
        {
            var data = CheXpert.Open(root);
            var record = Assert.Single(data);
            Assert.Equal(
                (image, "patient00001", "patient00001/study1", ViewPosition.AP, 68, Sex.Female),
                (record.Path, record.Patient, record.Study, record.View, record.Age, record.Sex));
            Assert.Equal(CheXpert.LabelNames, data.Labels);
            Assert.Equal([0, 0, float.NaN, 0, 0, float.NaN, float.NaN, 0, float.NaN, 0, float.NaN, 0, 1, 0], record.Labels);
        }
    }

    [Fact]
    public void Policies_decide_on_uncertain_labels()
    {
        Assert.Equal("1 0 0 1 1", Five(UncertaintyPolicy.MedPeft));
        Assert.Equal("1 0 0 1 0", Five(UncertaintyPolicy.DeepAuc));
        Assert.Equal("0 0 0 0 0", Five(UncertaintyPolicy.Zeros));
        Assert.Equal("1 1 1 1 1", Five(UncertaintyPolicy.Ones));
        Assert.Equal("NaN NaN NaN NaN NaN", Five(UncertaintyPolicy.Ignore));
        Assert.Equal("NaN 1 NaN NaN NaN", Five(UncertaintyPolicy.Ignore.With("Cardiomegaly", UncertainLabel.Present)));
        Assert.Equal("Atelectasis: Present, Edema: Present, Pleural Effusion: Present, others: Absent", UncertaintyPolicy.MedPeft.ToString());

        string Five(UncertaintyPolicy policy)
        {
            _folder.Write("train.csv", Header + First);
            var data = CheXpert.Open(_folder.Path, "train.csv", policy, CheXpert.CompetitionLabels, MissingImages.Keep);
            return string.Join(' ', data[0].Labels.Select(l => l.ToString(System.Globalization.CultureInfo.InvariantCulture)));
        }
    }

    [Theory]
    [InlineData("Frontal,PA", ViewPosition.PA)]
    [InlineData("Frontal,AP", ViewPosition.AP)]
    [InlineData("Frontal,LL", ViewPosition.Other)]
    [InlineData("Frontal,RL", ViewPosition.Other)]
    [InlineData("Frontal,", ViewPosition.Frontal)]
    [InlineData("Lateral,", ViewPosition.Lateral)]
    public void Views_are_told_apart(string columns, ViewPosition view)
    {
        _folder.Write("train.csv", Header + First.Replace("Frontal,AP", columns, StringComparison.Ordinal));
        Assert.Equal(view, CheXpert.Open(_folder.Path, missingImages: MissingImages.Keep)[0].View);
    }

    [Theory]
    [InlineData("CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg")]
    [InlineData("CheXpert-v1.0/train/patient00001/study1/view1_frontal.jpg")]
    [InlineData("/nas/public/CheXpert-v1.0/train/patient00001/study1/view1_frontal.jpg")]
    [InlineData("D:\\data\\train\\patient00001\\study1\\view1_frontal.jpg")]
    [InlineData("train/patient00001/study1/view1_frontal.jpg")]
    public void Prefixes_of_paths_do_not_matter(string path)
    {
        _folder.Image("train/patient00001/study1/view1_frontal.jpg");
        _folder.Write("train.csv", Header + First.Replace("CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg", path, StringComparison.Ordinal));
        Assert.True(File.Exists(CheXpert.Open(_folder.Path)[0].Path));
        _folder.Write("list.txt", $"{path} 1 0 0 1 0\n");
        var listed = CheXpert.Open(_folder.Path, "list.txt");
        Assert.Equal((1, "patient00001", ViewPosition.Frontal), (listed.Count, listed[0].Patient, listed[0].View));
        Assert.Equal([1, 0, 0, 1, 0], listed[0].Labels);
        Assert.Equal(CheXpert.CompetitionLabels, listed.Labels);
    }

    [Fact]
    public void Test_labels_by_study_go_to_all_images_of_the_study()
    {
        foreach (var name in new[] { "patient64741/study1/view2_lateral", "patient64741/study1/view1_frontal", "patient64742/study1/view1_frontal" })
            _folder.Image($"test/{name}.jpg");
        _folder.Write("test/patient64741/study1/notes.txt", "");
        _folder.Write(
            "groundtruth.csv",
            "Study,Atelectasis,Cardiomegaly,Consolidation,Edema,Pleural_Effusion\n"
            + "CheXpert-v1.0/test/patient64741/study1,1,0,0,1,0\nCheXpert-v1.0/test/patient64742/study1,0,0,1,0,1\n");
        var data = CheXpert.Open(_folder.Path, "groundtruth.csv", labels: CheXpert.CompetitionLabels);
        Assert.Equal(
            ["view1_frontal.jpg 10010 Frontal", "view2_lateral.jpg 10010 Lateral", "view1_frontal.jpg 00101 Frontal"],
            data.Select(r => $"{Path.GetFileName(r.Path)} {string.Concat(r.Labels)} {r.View}"));
        Directory.Delete(_folder.In("test/patient64742"), true);
        Refused(
            $"'{_folder.Path}' lacks 1 of the 3 images that 'groundtruth.csv' names: test/patient64742/study1. Looked in the root itself. Complete the download, or pass MissingImages.Skip to use what is there.",
            () => CheXpert.Open(_folder.Path, "groundtruth.csv", labels: CheXpert.CompetitionLabels));
    }

    [Fact]
    public void Columns_are_found_by_name_in_any_order()
    {
        _folder.Write("valid.csv", "Lung Lesion,Lung Opacity,Path\n1,0,valid/patient64541/study1/view1_frontal.jpg\n");
        Assert.Equal([0, 1], CheXpert.Open(_folder.Path, "valid.csv", labels: ["Lung Opacity", "Lung Lesion"], missingImages: MissingImages.Keep)[0].Labels);
    }

    [Fact]
    public void Unknown_sexes_and_ages_at_the_ends_are_read()
    {
        _folder.Write("train.csv", Header + First.Replace("Female,68", "Unknown,0", StringComparison.Ordinal));
        var record = CheXpert.Open(_folder.Path, missingImages: MissingImages.Keep)[0];
        Assert.Equal((Sex.Unknown, 0), (record.Sex, record.Age));
    }

    [Theory]
    [InlineData("Path,Edema\nx.jpg,2\n", ", line 2, column 7: found '2' for 'Edema'; 1.0 (present), 0.0 (absent), -1.0 (uncertain) or nothing fits.")]
    [InlineData("Path,Edema\n/etc/x.jpg,1\n", ", line 2, column 1: the path '/etc/x.jpg' is absolute and may leave the root. Write it relative to the root.")]
    [InlineData("Path,Edema\ntrain/patient1/../../../x.jpg,1\n", ", line 2, column 1: the path leaves the root by '..'. Write it relative to the root.")]
    [InlineData("Path,Edema\nx.jpg,1\nx.jpg,1\n", ", line 3, column 1: 'x.jpg' stands in line 2 already. Keep one of the rows.")]
    [InlineData("Path,Oedema\nx.jpg,1\n", ", line 1: the column 'Edema' is missing. Columns here: Path, Oedema.")]
    [InlineData("Image,Edema\nx.jpg,1\n", ", line 1: the column 'Path' is missing. Columns here: Image, Edema.")]
    [InlineData("Path,Edema\n", " has a header and no rows; one row an image or study is expected. Fetch the table again.")]
    [InlineData("Path,Frontal/Lateral,Edema\nx.jpg,Up,1\n", ", line 2, column 7: found 'Up'; Frontal or Lateral fits.")]
    [InlineData("Path,Frontal/Lateral,AP/PA,Edema\nx.jpg,Frontal,XX,1\n", ", line 2, column 15: found the view 'XX'; AP, PA, LL, RL or nothing fits.")]
    [InlineData("Path,Sex,Edema\nx.jpg,?,1\n", ", line 2, column 7: found the sex '?'; Male, Female or Unknown fits.")]
    [InlineData("Path,Age,Edema\nx.jpg,?,1\n", ", line 2, column 7: found the age '?'; a number of years fits.")]
    public void A_bad_table_is_refused_with_its_place(string text, string problem)
    {
        var path = _folder.Write("train.csv", text);
        Refused($"'{path}'{problem}", () => CheXpert.Open(_folder.Path, labels: ["Edema"], missingImages: MissingImages.Keep));
    }

    [Fact]
    public void A_list_needs_values()
    {
        var path = _folder.Write("list.txt", "train/patient00001/study1/view1_frontal.jpg\n");
        Refused($"'{path}', line 1: found a path without values; 5 fit, one for each label.", () => CheXpert.Open(_folder.Path, "list.txt"));
    }

    private static void Refused(string message, Action open) => Assert.Equal(message, Assert.Throws<DatasetException>(open).Message);
}

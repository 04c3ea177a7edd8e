using MedPeft.Lora.Data;

namespace MedPeft.Lora.Tests.Data;

public sealed class ImageTableTests : IDisposable
{
    private static readonly ImageTableColumns Columns = new() { Path = "file", Labels = ["A", "B"], Patient = "who", View = "view", Age = "age", Sex = "sex", Study = "exam", Separator = ';' };

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_table_of_ones_own_is_read_by_its_columns()
    {
        var image = _folder.Image("x/1.png");
        _folder.Image("x/2.png");
        var table = _folder.Write("mine.csv", "file;A;B;who;exam;view;age;sex;more\nx/1.png;1;;P1;E1;lateral;41;f;\n./x//2.png;FALSE;-1;P2;;oblique;;;\n");
        var data = ImageTable.Open(table, Columns, uncertainty: UncertaintyPolicy.Ones, source: "clinic");
        Assert.Equal([image, _folder.In("x/2.png")], data.Select(r => r.Path));
        Assert.Equal([1, float.NaN, 0, 1], data.SelectMany(r => r.Labels));
        Assert.Equal(
            ("P1", "E1", ViewPosition.Lateral, 41, Sex.Female, "clinic"),
            (data[0].Patient, data[0].Study, data[0].View, data[0].Age, data[0].Sex, data[0].Source));
        Assert.Equal(("P2", null, ViewPosition.Other, null, Sex.Unknown), (data[1].Patient, data[1].Study, data[1].View, data[1].Age, data[1].Sex));
        Assert.Equal("mine.csv: 2 images of 2 patients, 2 labels, views: Lateral 1, Other 1", data.ToString());
    }

    [Fact]
    public void Only_path_and_labels_are_needed_and_images_may_lie_elsewhere()
    {
        var image = _folder.Image("images/1.png");
        var table = _folder.Gzip("tables/mine.csv.gz", "file,A\n1.png,0.0\n");
        Assert.Equal(image, Assert.Single(ImageTable.Open(table, new ImageTableColumns { Path = "file", Labels = ["A"] }, _folder.In("images"))).Path);
    }

    [Theory]
    [InlineData("file,A\na.png,-1\n", ", line 2, column 7: found -1 (uncertain) for 'A', and no UncertaintyPolicy says what it is taken for. Give one.")]
    [InlineData("file,A\na.png,yes\n", ", line 2, column 7: found 'yes' for 'A'; 1, 0, true, false, -1 (uncertain) or nothing (missing) fits.")]
    [InlineData("file,A\n../a.png,1\n", ", line 2, column 1: the path leaves the root by '..'. Write it relative to the root.")]
    [InlineData("file,A\na.png,1\n./a.png,1\n", ", line 3, column 1: the image 'a.png' stands in line 2 already. Keep one of the rows.")]
    [InlineData("path,A\na.png,1\n", ", line 1: the column 'file' is missing. Columns here: path, A.")]
    [InlineData("file,A\n", " has a header and no rows; one row an image is expected.")]
    public void A_bad_table_is_refused_with_its_place(string text, string problem)
    {
        var table = _folder.Write("mine.csv", text);
        Assert.Equal(
            $"'{table}'{problem}",
            Assert.Throws<DatasetException>(
                () => ImageTable.Open(table, new ImageTableColumns { Path = "file", Labels = ["A"] }, missingImages: MissingImages.Keep)).Message);
    }
}

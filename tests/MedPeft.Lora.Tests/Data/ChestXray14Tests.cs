using System.Diagnostics;
using MedPeft.Lora.Data;

namespace MedPeft.Lora.Tests.Data;

public sealed class ChestXray14Tests : IDisposable
{
    private const string Header = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]\n";
    private const string Zeros = " 0 0 0 0 0 0 0 0 0 0 0 0 0 0";

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_real_table_has_the_known_counts()
    {
        var watch = Stopwatch.StartNew();
        var data = ChestXray14.Open(Golden.Data("nih"), missingImages: MissingImages.Keep);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(20), $"Opening took {watch.Elapsed}.");
        Assert.Equal(112_120, data.Count);
        Assert.Equal(30_805, data.PatientCount);
        Assert.Equal(
            [
                "Atelectasis 11559", "Cardiomegaly 2776", "Effusion 13317", "Infiltration 19894", "Mass 5782", "Nodule 6331", "Pneumonia 1431", "Pneumothorax 5302",
                "Consolidation 4667", "Edema 2303", "Emphysema 2516", "Fibrosis 1686", "Pleural_Thickening 3385", "Hernia 227",
            ],
            data.LabelCounts.Select(c => $"{c.Label} {c.Positives}"));
        Assert.Equal(60_361, data.Count(r => r.Labels.All(l => l == 0)));
        Assert.Equal((67_310, 44_810), (data.Count(r => r.View == ViewPosition.PA), data.Count(r => r.View == ViewPosition.AP)));
        Assert.Equal((0.0, 95.0), (data.Min(r => r.Age), data.Max(r => r.Age)));
        Assert.DoesNotContain(data, r => r.Sex == Sex.Unknown || r.Age is null);
        Assert.Equal((880, 984), (data.Count(r => r.Boxes.Count > 0), data.Sum(r => r.Boxes.Count)));
        Assert.Equal(123, data.Sum(r => r.Boxes.Count(b => b.Label == "Infiltration")));
        Assert.Equal("ChestX-ray14: 112,120 images of 30,805 patients, 14 labels, views: PA 67,310, AP 44,810", data.ToString());
    }

    [Fact]
    public void Images_that_are_on_disk_are_kept_and_the_others_named()
    {
        var data = ChestXray14.Open(Golden.Data("nih"), missingImages: MissingImages.Skip);
        Assert.Equal(["00000001_000.png", "00027426_000.png"], data.Select(r => Path.GetFileName(r.Path)));
        Assert.All(data, r => Assert.True(File.Exists(r.Path)));
        Assert.Equal("00000001", data[0].Patient);
        Assert.Equal((57, Sex.Male, ViewPosition.PA), (data[0].Age, data[0].Sex, data[0].View));
        Assert.Equal(112_118, data.Missing.Count);
        Assert.Equal("00000001_001.png", data.Missing[0]);
        Assert.EndsWith("; 112,118 images not on disk left out", data.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_images_are_an_error_by_default()
    {
        var root = Golden.Data("nih");
        Refused(
            $"'{Path.GetFullPath(root)}' lacks 112,118 of the 112,120 images that 'Data_Entry_2017_v2020.csv.gz' names: 00000001_001.png, 00000001_002.png, 00000002_000.png, … (112,118). "
            + "Looked in the root itself. Complete the download, or pass MissingImages.Skip to use what is there.",
            () => ChestXray14.Open(root));
    }

    [Theory]
    [InlineData("Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]", "57", "")]
    [InlineData("Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],", "057Y", ",")]
    [InlineData("Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Sex,View Position,OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]", "684M", "")]
    [InlineData("Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,\"OriginalImage[Width,Height]\",\"OriginalImagePixelSpacing[x,y]\"", "57", "")]
    public void Header_variants_read_alike(string header, string age, string tail)
    {
        _folder.Image("images/00000003_001.png");
        _folder.Write("Data_Entry_2017.csv", $"{header}\n00000003_001.png,Mass|Hernia,1,3,{age},F,AP,2500,2048,0.168,0.168{tail}\n");
        var record = Assert.Single(ChestXray14.Open(_folder.Path));
        Assert.Equal((57, Sex.Female, ViewPosition.AP, "00000003"), (record.Age, record.Sex, record.View, record.Patient));
        Assert.Equal(["Mass", "Hernia"], ChestXray14.LabelNames.Where((_, k) => record.Labels[k] == 1));
    }

    [Fact]
    public void Impossible_ages_become_unknown_and_days_and_months_become_years()
    {
        _folder.Write(
            "Data_Entry_2017.csv",
            Header + Row("00000001_000.png", "411") + Row("00000002_000.png", "006M") + Row("00000003_000.png", "") + Row("00000004_000.png", "0"));
        Assert.Equal([null, .5, null, 0], ChestXray14.Open(_folder.Path, missingImages: MissingImages.Keep).Select(r => r.Age));
    }

    [Theory]
    [InlineData("images_001/images/00000001_000.png", "images_012/images/00000002_000.png")]
    [InlineData("images_001/00000001_000.png", "images_002/00000002_000.png")]
    [InlineData("images/00000001_000.png", "images/00000002_000.png")]
    [InlineData("all_classes/00000001_000.png", "all_classes/00000002_000.png")]
    [InlineData("00000001_000.png", "00000002_000.png")]
    public void Every_layout_of_the_images_is_found(string first, string second)
    {
        (first, second) = (_folder.Image(first), _folder.Image(second));
        _folder.Write("Data_Entry_2017_v2020.csv", Header + Row("00000001_000.png") + Row("00000002_000.png"));
        Assert.Equal([first, second], ChestXray14.Open(_folder.Path).Select(r => r.Path));
    }

    [Fact]
    public void Official_lists_take_labels_and_order_from_list_and_table()
    {
        Images(3);
        _folder.Write(
            "Data_Entry_2017_v2020.csv",
            Header + Row("00000001_000.png", finding: "Mass") + Row("00000002_000.png", finding: "Edema") + Row("00000003_000.png"));
        _folder.Write("train_val_list.txt", "00000002_000.png\n00000001_000.png");
        var data = ChestXray14.Open(_folder.Path, "train_val_list.txt");
        Assert.Equal(["00000002", "00000001"], data.Select(r => r.Patient));
        Assert.Equal([1, 0], data.Select(r => r.Labels[9]));
        Assert.Equal("ChestX-ray14 train_val_list.txt", data.Name);
    }

    [Theory]
    [InlineData("\r\n", "")]
    [InlineData("\n", "\n")]
    [InlineData(" \n", " \n")]
    public void Lists_of_medpeft_need_no_table(string between, string end)
    {
        Images(2);
        var list = _folder.Write("train_1.txt", $"00000001_000.png 1 0 0 0 0 0 0 0 0 0 0 0 0 1{between}00000002_000.png{Zeros}{end}");
        foreach (var name in new[] { "train_1.txt", list })
        {
            var data = ChestXray14.Open(_folder.Path, name);
            Assert.Equal(["00000001", "00000002"], data.Select(r => r.Patient));
            Assert.Equal(["Atelectasis", "Hernia"], data.LabelCounts.Where(c => c.Positives == 1).Select(c => c.Label));
            Assert.All(data, r => Assert.Equal((ViewPosition.Unknown, Sex.Unknown, null), (r.View, r.Sex, r.Age)));
        }
    }

    [Fact]
    public void The_values_of_a_list_win_over_the_table_which_adds_the_rest()
    {
        Images(1);
        _folder.Gzip("Data_Entry_2017_v2020.csv.gz", Header + Row("00000001_000.png", finding: "Mass|Edema"));
        _folder.Write(
            "BBox_List_2017.csv", "Image Index,Finding Label,Bbox [x,y,w,h],,,\n00000001_000.png,Infiltrate,1.5,2,3,4.25\n00000001_000.png,Mass,5,6,7,8\n");
        _folder.Write("list.txt", "00000001_000.png 0 0 0 0 1 0 0 0 0 0 0 0 0 0\n");
        var record = Assert.Single(ChestXray14.Open(_folder.Path, "list.txt"));
        Assert.Equal((1, 0, 57), (record.Labels[4], record.Labels[9], record.Age));
        Assert.Equal([new FindingBox("Infiltration", 1.5, 2, 3, 4.25), new FindingBox("Mass", 5, 6, 7, 8)], record.Boxes);
    }

    [Fact]
    public void The_folder_that_medpeft_derives_from_the_list_is_the_last_resort()
    {
        var list = _folder.Write("NIH_ChestX-ray/train_1.txt", $"00000001_000.png{Zeros}\n");
        if (list.Count(c => c == '_') != 2) return; // a temporary folder with an underscore shifts what the rule derives
        var image = _folder.Image("NIHChestX-ray/train/all_classes/00000001_000.png");
        Assert.Equal(image, Assert.Single(ChestXray14.Open(_folder.In("NIH_ChestX-ray"), "train_1.txt")).Path);
    }

    [Fact]
    public void A_missing_folder_is_named()
    {
        Refused(
            $"'{_folder.In("none")}' does not exist. Give the data set's folder; check the spelling and that the disk is mounted.",
            () => ChestXray14.Open(_folder.In("none")));
        var file = _folder.Write("file", "");
        Refused($"'{file}' is a file; the data set's folder belongs here.", () => ChestXray14.Open(file));
        Refused(
            $"'{_folder.Path}' holds no table Data_Entry_2017*.csv, and no list was given. Put the table there, name it, or give a list with labels.",
            () => ChestXray14.Open(_folder.Path));
        Refused($"'{_folder.In("a.txt")}' does not exist. The root holds no list (*.txt) and no table (*.csv).", () => ChestXray14.Open(_folder.Path, "a.txt"));
        _folder.Write("b.txt", "x.png\n");
        Refused($"'{_folder.In("a.txt")}' does not exist. Lists and tables in the root: b.txt.", () => ChestXray14.Open(_folder.Path, "a.txt"));
        Refused(
            $"'{_folder.Path}' holds no table Data_Entry_2017*.csv, and the list gives no labels. Put the table there, name it, or give a list with labels.",
            () => ChestXray14.Open(_folder.Path, "b.txt"));
    }

    [Theory]
    [InlineData("", null, " is empty; it should name an image in each line, alone or followed by 14 values of 0 or 1.")]
    [InlineData("\n\n", null, " is empty; it should name an image in each line, alone or followed by 14 values of 0 or 1.")]
    [InlineData("a_1.png" + Zeros + "\nb_1.png 0 1 0\n", 2,
        "found 3 values after the path; 14 fit, one for each label (Atelectasis, Cardiomegaly, Effusion, Infiltration, Mass, Nodule, Pneumonia, Pneumothorax, Consolidation, Edema, Emphysema, Fibrosis, "
        + "Pleural_Thickening, Hernia). Correct the line, or open the data set that the list belongs to.")]
    [InlineData("a_1.png 0 0 2 0 0 0 0 0 0 0 0 0 0 0\n", 1, "found '2' for 'Effusion'; 0 (absent) or 1 (present) fits.")]
    [InlineData("a_1.png 0 0 0 0 0 0 0 0 0 0 0 0 0 1.0\n", 1, "found '1.0' for 'Hernia'; 0 (absent) or 1 (present) fits.")]
    [InlineData("a_1.png\nb_1.png" + Zeros, 2, "found values after the path; earlier lines have none. One kind of list fits: paths alone, or paths with 14 values.")]
    [InlineData("a_1.png" + Zeros + "\nb_1.png" + Zeros + "\na_1.png" + Zeros, 3, "the image 'a_1.png' stands in line 1 already. Keep one of the lines.")]
    [InlineData("../a_1.png" + Zeros, 1, "the path leaves the root by '..'. Write it relative to the root.")]
    [InlineData("x/../../a_1.png" + Zeros, 1, "the path leaves the root by '..'. Write it relative to the root.")]
    [InlineData("x\\..\\a_1.png" + Zeros, 1, "the path leaves the root by '..'. Write it relative to the root.")]
    [InlineData("/etc/passwd" + Zeros, 1, "the path '/etc/passwd' is absolute and may leave the root. Write it relative to the root.")]
    [InlineData("\\\\server\\a.png" + Zeros, 1, "the path '\\\\server\\a.png' is absolute and may leave the root. Write it relative to the root.")]
    [InlineData("C:/a.png" + Zeros, 1, "the path 'C:/a.png' is absolute and may leave the root. Write it relative to the root.")]
    [InlineData("a.png:stream" + Zeros, 1, "the path 'a.png:stream' holds a character that no image's name has. Correct it.")]
    [InlineData("a\u001b[2J.png" + Zeros, 1, "the path 'a\\u001b[2J.png' holds a character that no image's name has. Correct it.")]
    [InlineData(Zeros, 1, "found an empty path; a path below the root fits.")]
    public void A_bad_list_is_refused_with_its_line(string text, int? line, string problem)
    {
        var path = _folder.Write("list.txt", text);
        Refused($"'{path}'" + (line is null ? "" : $", line {line}: ") + problem, () => ChestXray14.Open(_folder.Path, "list.txt", MissingImages.Keep));
    }

    [Fact]
    public void Endless_lines_are_refused()
    {
        var path = _folder.Write("list.txt", "a.png\n" + new string('x', 5000));
        Refused(
            $"'{path}', line 2: the line is longer than 4,096 characters. This is no list of images; check the file.",
            () => ChestXray14.Open(_folder.Path, "list.txt"));
    }

    [Theory]
    [InlineData("", " is empty; a header line with the columns' names belongs first.")]
    [InlineData("Image Index,Labels\n", ", line 1: the column 'Finding Labels' is missing. Columns here: Image Index, Labels.")]
    [InlineData("Image Index,Finding Labels,image index\n", ", line 1: the column 'Image Index' stands twice in the header. Rename one.")]
    [InlineData("Image Index,Finding Labels\n", " has a header and no rows; one row an image is expected. Fetch the table again.")]
    [InlineData("Image Index,Finding Labels\na.png\n", ", line 2: found 1 fields; the header names 2. Complete the row.")]
    [InlineData("Image Index,Finding Labels\na.png,Mass,x\n", ", line 2, column 12: found 3 fields; the header names 2. Quote a field that holds a separator.")]
    [InlineData("Image Index,Finding Labels\na.png,Mass|Flu\n", ", line 2, column 7: found the finding 'Flu'; these fit: Atelectasis, Cardiomegaly, Effusion, Infiltration, Mass, Nodule, Pneumonia, "
        + "Pneumothorax, Consolidation, Edema, Emphysema, Fibrosis, Pleural_Thickening, Hernia, No Finding. Correct the row.")]
    [InlineData("Image Index,Finding Labels\na.png,Mass|No Finding\n", ", line 2, column 7: found 'No Finding' beside other findings; it stands alone. Correct the row.")]
    [InlineData("Image Index,Finding Labels\na.png,Mass|Mass\n", ", line 2, column 7: found the finding 'Mass' twice. Correct the row.")]
    [InlineData("Image Index,Finding Labels\na.png,Mass\na.png,Edema\n", ", line 3, column 1: the image 'a.png' stands in line 2 already. Keep one of the rows.")]
    [InlineData("Image Index,Finding Labels\n../a.png,Mass\n", ", line 2, column 1: the path leaves the root by '..'. Write it relative to the root.")]
    [InlineData("Image Index,Finding Labels\nx/a.png,Mass\n", ", line 2, column 1: found 'x/a.png'; the name of an image without a folder fits.")]
    [InlineData("Image Index,Finding Labels,View Position\na.png,Mass,LL\n", ", line 2, column 12: found the view 'LL'; PA, AP or nothing fits.")]
    [InlineData("Image Index,Finding Labels,Patient Age\na.png,Mass,old\n", ", line 2, column 12: found the age 'old'; a number of years such as 57 or 057Y fits.")]
    [InlineData("Image Index,Finding Labels,Patient Gender\na.png,Mass,X\n", ", line 2, column 12: found the sex 'X'; M, F or nothing fits.")]
    [InlineData("Image Index,Finding Labels,Patient ID\n00000004_000.png,Mass,5\n", ", line 2, column 23: found the patient '5' for the image '00000004_000.png', whose name starts with another. "
        + "Splits go by patient, so both must agree: correct the table.")]
    public void A_bad_table_is_refused_with_its_place(string text, string problem)
    {
        var path = _folder.Write("Data_Entry_2017.csv", text);
        Refused($"'{path}'{problem}", () => ChestXray14.Open(_folder.Path, missingImages: MissingImages.Keep));
    }

    [Theory]
    [InlineData("", " is empty; a header line belongs first. Fetch it again or remove it.")]
    [InlineData("a,b\n", ", line 1: the header is not that of BBox_List_2017.csv, which starts with 'Image Index,Finding Label,Bbox [x'. Fetch it again or remove it.")]
    [InlineData("Image Index,Finding Label,Bbox [x,y,w,h],,,\na.png,Mass,1,2,3\n", ", line 2: found 5 fields; 6 fit: image, finding, x, y, width, height.")]
    [InlineData("Image Index,Finding Label,Bbox [x,y,w,h],,,\na.png,Mass,1,2,-3,4\n", ", line 2, column 16: found '-3'; a number of pixels fits.")]
    public void A_bad_table_of_boxes_is_refused_with_its_place(string text, string problem)
    {
        _folder.Write("Data_Entry_2017.csv", Header + Row("00000001_000.png"));
        var path = _folder.Write("BBox_List_2017.csv", text);
        Refused($"'{path}'{problem}", () => ChestXray14.Open(_folder.Path, missingImages: MissingImages.Keep));
    }

    [Fact]
    public void A_listed_image_without_a_row_is_refused()
    {
        _folder.Write("Data_Entry_2017.csv", Header + Row("00000001_000.png"));
        var list = _folder.Write("test_list.txt", "00000001_000.png\n00000009_000.png\n");
        Refused(
            $"'{list}', line 2: the image '00000009_000.png' is not in the table 'Data_Entry_2017.csv', so it has no labels. Use the list and the table of one release.",
            () => ChestXray14.Open(_folder.Path, "test_list.txt", MissingImages.Keep));
    }

    [Fact]
    public void Several_tables_ask_for_a_choice()
    {
        _folder.Write("Data_Entry_a.csv", Header + Row("00000001_000.png"));
        var second = _folder.Write("Data_Entry_b.csv", Header + Row("00000002_000.png"));
        Refused($"'{_folder.Path}' holds several tables: Data_Entry_a.csv, Data_Entry_b.csv. Name the one to use.", () => ChestXray14.Open(_folder.Path));
        Assert.Equal("00000002", Assert.Single(ChestXray14.Open(_folder.Path, missingImages: MissingImages.Keep, table: second)).Patient);
    }

    [Fact]
    public void Nothing_on_disk_is_an_error_even_when_missing_images_may_be_skipped()
    {
        _folder.Write("list.txt", "00000001_000.png" + Zeros);
        Refused(
            $"'{_folder.Path}' lacks 1 of the 1 images that 'list.txt' names: 00000001_000.png. Looked in the root itself. Check the root and that the archives are unpacked.",
            () => ChestXray14.Open(_folder.Path, "list.txt", MissingImages.Skip));
    }

    private static void Refused(string message, Action open) => Assert.Equal(message, Assert.Throws<DatasetException>(open).Message);

    private static string Row(string image, string age = "57", string finding = "No Finding")
        => $"{image},{finding},0,{image[..8].TrimStart('0')},{age},M,PA,2682,2749,0.143,0.143\n";

    private void Images(int count)
    {
        for (var i = 1; i <= count; i++) _folder.Image($"images/{i:D8}_000.png");
    }
}

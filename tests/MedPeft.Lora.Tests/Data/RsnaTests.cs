using MedPeft.Lora.Data;
using MedPeft.Lora.Imaging;
using MedPeft.Lora.Tests.Imaging;
using MedPeft.Lora.Tests.Imaging.Dicom.Writers;

namespace MedPeft.Lora.Tests.Data;

/// <summary>On tables made up here: the terms of the real ones forbid passing them on.</summary>
public sealed class RsnaTests : IDisposable
{
    private const string Labels = "patientId,x,y,width,height,Target\nb-2,,,,,0\na-1,264.0,152.0,213.0,379.0,1\na-1,562.0,152.0,256.0,453.0,1\nc-3,,,,,0\n";
    private const string Classes = "patientId,class\nb-2,No Lung Opacity / Not Normal\na-1,Lung Opacity\na-1,Lung Opacity\nc-3,Normal\n";

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Rows_of_one_image_become_one_record_with_its_boxes()
    {
        foreach (var image in new[] { "a-1", "b-2", "c-3" }) _folder.Image($"stage_2_train_images/{image}.dcm");
        _folder.Write("stage_2_train_labels.csv", Labels);
        var data = Rsna.Open(_folder.Path);
        Assert.Equal(["b-2.dcm 0", "a-1.dcm 1", "c-3.dcm 0"], data.Select(r => $"{Path.GetFileName(r.Path)} {r.Labels[0]}"));
        Assert.Equal([new FindingBox("Pneumonia", 264, 152, 213, 379), new FindingBox("Pneumonia", 562, 152, 256, 453)], data[1].Boxes);
        Assert.All(data, r => Assert.Null(r.Patient));
        Assert.Equal(["Pneumonia"], data.Labels);
    }

    [Fact]
    public void Headers_of_the_files_give_view_age_and_sex()
    {
        Dicom("a-1", d => d.Set(0x0010_0040, "CS", "F").Set(0x0010_1010, "AS", "62").Set(0x0018_5101, "CS", "PA"));
        Dicom("b-2", d => d.Set(0x0010_0040, "CS", "M").Set(0x0010_1010, "AS", "155").Set(0x0018_5101, "CS", "AP"));
        Dicom("c-3", d => d.Set(0x0010_0040, "CS", "O").Set(0x0010_1010, "AS", "018M").Set(0x0018_5101, "CS", "LL"));
        _folder.Image("stage_2_train_images/d-4.png");
        Dicom("e-5", d => d.Set(0x0018_5101, "CS", "RAO"));
        _folder.Write("stage_2_train_labels.csv", Labels + "d-4,,,,,0\ne-5,,,,,0\n");
        Assert.All(Rsna.Open(_folder.Path), r => Assert.Equal((ViewPosition.Unknown, Sex.Unknown, null), (r.View, r.Sex, r.Age)));
        var data = Rsna.Open(_folder.Path, headers: true).ToDictionary(r => Path.GetFileNameWithoutExtension(r.Path));
        Assert.Equal((ViewPosition.PA, Sex.Female, 62), (data["a-1"].View, data["a-1"].Sex, data["a-1"].Age));
        // Five ages of the challenge are 148 to 155: no age.
        Assert.Equal((ViewPosition.AP, Sex.Male, null), (data["b-2"].View, data["b-2"].Sex, data["b-2"].Age));
        Assert.Equal((ViewPosition.Lateral, Sex.Unknown, 1.5), (data["c-3"].View, data["c-3"].Sex, data["c-3"].Age));
        Assert.Equal((ViewPosition.Unknown, Sex.Unknown, null), (data["d-4"].View, data["d-4"].Sex, data["d-4"].Age));
        Assert.Equal(ViewPosition.Other, data["e-5"].View);
    }

    [Fact]
    public void A_file_whose_header_cannot_be_read_is_named()
    {
        var broken = _folder.Write("stage_2_train_images/a-1.dcm", "no DICOM"u8.ToArray());
        _folder.Write("stage_2_train_labels.csv", "patientId,x,y,width,height,Target\na-1,,,,,0\n");
        var error = Assert.Throws<ImageException>(() => Rsna.Open(_folder.Path, headers: true));
        Assert.Equal($"'{broken}' is no DICOM file: it has neither a preamble with 'DICM' nor a first element of group 0008.", error.Message);
    }

    [Fact]
    public void Pixels_are_windowed_as_the_file_says_or_as_MED_PEFT_reads_them()
    {
        foreach (var image in new[] { "a-1", "b-2", "c-3" }) Dicom(image, d => d.Set(0x0028_1050, "DS", "128").Set(0x0028_1051, "DS", "64"));
        _folder.Write("stage_2_train_labels.csv", Labels);
        var file = DicomFile.Open(_folder.In("stage_2_train_images/b-2.dcm"));
        var (own, reference) = (file.Render(), file.Render(DicomOptions.MedPeftRsna));
        Assert.NotEqual(own.Pixels, reference.Pixels);
        GoldenImages.Same(own, Rsna.Open(_folder.Path)[0].Decode());
        GoldenImages.Same(reference, Rsna.Open(_folder.Path, dicom: DicomOptions.MedPeftRsna)[0].Decode());
        GoldenImages.Same(reference, Rsna.Open(_folder.Path).WithDicom(DicomOptions.MedPeftRsna).Where(_ => true)[0].Decode());
        Assert.Throws<ArgumentException>(() => Rsna.Open(_folder.Path, dicom: new DicomOptions { LowPercentile = 60, HighPercentile = 40 }));

        // The loader takes what the record says; batches of both ways differ.
        Assert.Equal(Batch(reference), Loaded(DicomOptions.MedPeftRsna));
        Assert.Equal(Batch(own), Loaded(null));

        float[] Batch(PixelImage image)
        {
            var (random, values) = (default(SampleRandom), new float[16 * 16]);
            Pipeline.Run(image, ref random, values);
            return values;
        }

        float[] Loaded(DicomOptions? dicom)
        {
            using var loader = new ImageLoader(Rsna.Open(_folder.Path, dicom: dicom), Pipeline, new ImageLoaderOptions { BatchSize = 1 });
            using var batch = loader.Epoch(0).First();
            return batch.Images.data<float>().ToArray();
        }
    }

    [Fact]
    public void Converted_images_of_the_same_names_are_found()
    {
        var image = _folder.Image("stage_2_train_images/a-1.png");
        _folder.Write("stage_2_train_labels.csv", Labels);
        Assert.Equal(image, Assert.Single(Rsna.Open(_folder.Path, missingImages: MissingImages.Skip)).Path);
    }

    [Fact]
    public void Classes_are_labels_on_demand()
    {
        _folder.Write("stage_2_train_labels.csv", Labels);
        _folder.Write("stage_2_detailed_class_info.csv", Classes);
        var data = Rsna.Open(_folder.Path, missingImages: MissingImages.Keep, classes: true);
        Assert.Equal(["Pneumonia", "Normal", "No Lung Opacity / Not Normal", "Lung Opacity"], data.Labels);
        Assert.Equal(["0010", "1001", "0100"], data.Select(r => string.Concat(r.Labels)));
    }

    [Fact]
    public void The_mapping_names_the_patients_of_chestxray14()
    {
        _folder.Write("stage_2_train_labels.csv", Labels);
        _folder.Write(
            "pneumonia-challenge-dataset-mappings_2018.json",
            """[{"img_id":"00013774_026.png","subset_img_id":"a-1"},{"img_id":"00000001_000.png","subset_img_id":"b-2"}]""");
        var data = Rsna.Open(_folder.Path, missingImages: MissingImages.Keep);
        Assert.Equal(["00000001", "00013774", null], data.Select(r => r.Patient));
        _folder.Write("nih/Data_Entry_2017.csv", "Image Index,Finding Labels\n00013774_001.png,Mass\n00000002_000.png,Mass\n");
        var report = LeakCheck.Compare(ChestXray14.Open(_folder.In("nih"), missingImages: MissingImages.Keep), data);
        Assert.Equal((1, 1, 1, 1), (report.SharedPatients, report.PatientImagesInFirst, report.PatientImagesInSecond, report.WithoutPatient));
    }

    [Theory]
    [InlineData("a-1.dcm 1 \nx-9.dcm 0 \n")]
    [InlineData("stage_2_train_images/a-1.dcm 1\nstage_2_train_images/x-9.dcm 0\n")]
    public void Lists_of_medpeft_take_values_from_the_list_and_boxes_from_the_table(string text)
    {
        var image = _folder.Image("stage_2_train_images/a-1.dcm");
        _folder.Image("stage_2_train_images/x-9.dcm");
        _folder.Write("stage_2_train_labels.csv", Labels);
        _folder.Write("RSNA_train_1.txt", text);
        var data = Rsna.Open(_folder.Path, "RSNA_train_1.txt");
        Assert.Equal([1, 0], data.Select(r => r.Labels[0]));
        Assert.Equal([2, 0], data.Select(r => r.Boxes.Count));
        Assert.Equal(image, data[0].Path);
    }

    [Fact]
    public void A_folder_without_tables_and_lists_is_refused()
    {
        Refused(
            $"'{_folder.Path}' holds no table stage_2_train_labels.csv, and no list was given. Unpack the challenge's files there, or give a list with labels.",
            () => Rsna.Open(_folder.Path));
        _folder.Write("stage_2_train_labels.csv", Labels);
        Refused(
            $"'{_folder.Path}' holds no table stage_2_detailed_class_info.csv with stage_2_train_labels.csv, which the classes need. Put them there, or leave out the classes.",
            () => Rsna.Open(_folder.Path, classes: true));
    }

    [Theory]
    [InlineData("a,1,2,3,4,0\n", ", line 2, column 11: found Target 0 with a box; its fields stay empty. Correct the row.")]
    [InlineData("a,,,,,1\n", ", line 2, column 7: found Target 1 without a box; x, y, width and height belong to it.")]
    [InlineData("a,1,2,-3,4,1\n", ", line 2, column 7: found '-3'; a number of pixels fits.")]
    [InlineData("a,,,,,2\n", ", line 2, column 7: found '2' for Target; 0 or 1 fits.")]
    [InlineData("a,,,,,0\na,1,2,3,4,1\n", ", line 3, column 1: the image 'a' has several rows that do not all hold a box. Keep one row without a box, or rows with one each.")]
    [InlineData("a,,,,,0\na,,,,,0\n", ", line 3, column 1: the image 'a' has several rows that do not all hold a box. Keep one row without a box, or rows with one each.")]
    [InlineData("../a,,,,,0\n", ", line 2, column 1: the path leaves the root by '..'. Write it relative to the root.")]
    [InlineData("", " has a header and no rows; at least one row an image is expected. Fetch the table again.")]
    public void A_bad_table_is_refused_with_its_place(string rows, string problem)
    {
        var path = _folder.Write("stage_2_train_labels.csv", "patientId,x,y,width,height,Target\n" + rows);
        Refused($"'{path}'{problem}", () => Rsna.Open(_folder.Path, missingImages: MissingImages.Keep));
    }

    [Theory]
    [InlineData("patientId,class\nb-2,Sick\n", ", line 2, column 5: found the class 'Sick'; these fit: Normal, No Lung Opacity / Not Normal, Lung Opacity.")]
    [InlineData("patientId,class\nb-2,Normal\nb-2,Lung Opacity\n", ", line 3, column 5: found the class 'Lung Opacity' for the image 'b-2', which line 2 gives another. Correct the table.")]
    [InlineData("patientId,class\nb-2,Normal\n", " names no class for the image 'a-1'. Use the tables of one release.")]
    [InlineData("patientId,class\nb-2,Lung Opacity\n", ", line 2: the image 'b-2' is of class 'Lung Opacity' and has Target 0 in the other table. Use the tables of one release.")]
    public void A_bad_table_of_classes_is_refused_with_its_place(string text, string problem)
    {
        _folder.Write("stage_2_train_labels.csv", Labels);
        var path = _folder.Write("stage_2_detailed_class_info.csv", text);
        Refused($"'{path}'{problem}", () => Rsna.Open(_folder.Path, missingImages: MissingImages.Keep, classes: true));
    }

    [Theory]
    [InlineData("[{", "is damaged JSON")]
    [InlineData("{}", "is no array of objects")]
    [InlineData("[{\"img_id\":\"1_2.png\"}]", "lacks subset_img_id or img_id in entry 1")]
    [InlineData("[{\"img_id\":\"1_2.png\",\"subset_img_id\":\"a\"},{\"img_id\":\"1_3.png\",\"subset_img_id\":\"a\"}]", "names the image 'a' twice")]
    [InlineData("[7]", "lacks subset_img_id or img_id in entry 1")]
    public void A_bad_mapping_is_refused(string text, string found)
    {
        _folder.Write("stage_2_train_labels.csv", Labels);
        var path = _folder.Write("pneumonia-challenge-dataset-mappings_2018.json", text);
        Refused(
            $"'{path}' {found}; RSNA's file is an array of objects with subset_img_id and img_id. Fetch it again or remove it.", () => Rsna.Open(_folder.Path));
    }

    private static ImagePipeline Pipeline { get; } = new([new Resize(16), new CenterCrop(16)], Normalization.None, 16, 1);

    private void Dicom(string image, Func<DicomWriter, DicomWriter> change)
        => _folder.Write($"stage_2_train_images/{image}.dcm", change(DicomWriter.Image(20, 18, 8, 8, TestImages.Noise(20, 18, 1).Pixels)).ToArray());

    private static void Refused(string message, Action open) => Assert.Equal(message, Assert.Throws<DatasetException>(open).Message);
}

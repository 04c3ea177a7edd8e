using System.Text;
using MedPeft.Lora.Data;

namespace MedPeft.Lora.Tests.Data;

/// <summary>Every table and list, cut and changed at every byte: it opens, or one kind of error names the file. No image outside the root is ever named.</summary>
public sealed class HostileTableTests : IDisposable
{
    private static readonly Dictionary<string, (string File, string Text, Func<string, ImageDataset> Open)> Kinds = new()
    {
        ["NIH table"] = (
            "Data_Entry_2017.csv",
            "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],\n"
            + "00000001_000.png,Cardiomegaly|Emphysema,0,1,058Y,M,PA,2682,2749,0.143,0.143,\n",
            root => ChestXray14.Open(root, missingImages: MissingImages.Keep)),
        ["NIH boxes"] = (
            "BBox_List_2017.csv",
            "Image Index,Finding Label,Bbox [x,y,w,h],,,\n00000001_000.png,Infiltrate,225.0,547.0,86.7,79.1,,,\n",
            root => ChestXray14.Open(root, missingImages: MissingImages.Keep)),
        ["MED-PEFT list"] = (
            "train_1.txt",
            "00000001_000.png 0 1 0 0 0 0 0 0 0 0 1 0 0 0\r\n00000002_000.png 0 0 0 0 0 0 0 0 0 0 0 0 0 0",
            root => ChestXray14.Open(root, "train_1.txt", MissingImages.Keep)),
        ["CheXpert"] = (
            "train.csv",
            "Path,Sex,Age,Frontal/Lateral,AP/PA,Edema,Pleural Effusion\n"
            + "CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg,Female,68,Frontal,AP,-1.0,\n",
            root => CheXpert.Open(root, labels: ["Edema", "Pleural Effusion"], missingImages: MissingImages.Keep)),
        ["RSNA boxes"] = (
            "stage_2_train_labels.csv",
            "patientId,x,y,width,height,Target\nb-2,,,,,0\na-1,264.0,152.0,213.0,379.0,1\na-1,562.0,152.0,256.0,453.0,1\n",
            root => Rsna.Open(root, missingImages: MissingImages.Keep)),
        ["RSNA classes"] = (
            "stage_2_detailed_class_info.csv",
            "patientId,class\nb-2,No Lung Opacity / Not Normal\na-1,Lung Opacity\na-1,Lung Opacity\n",
            root => Rsna.Open(root, missingImages: MissingImages.Keep, classes: true)),
        ["RSNA mapping"] = (
            "pneumonia-challenge-dataset-mappings_2018.json",
            """[{"img_id":"00013774_026.png","subset_img_id":"a-1"},{"img_id":"00000001_000.png","subset_img_id":"b-2"}]""",
            root => Rsna.Open(root, missingImages: MissingImages.Keep)),
        ["own table"] = (
            "own.csv",
            "file,who,view,A\nx/1.png,p1,PA,1\n\"x/2,3.png\",p2,,0\n",
            root => ImageTable.Open(
                Path.Join(root, "own.csv"), new ImageTableColumns { Path = "file", Patient = "who", View = "view", Labels = ["A"] }, missingImages: MissingImages.Keep)),
    };

    private readonly TempFolder _folder = new();

    public static TheoryData<string> Names => [.. Kinds.Keys];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Names))]
    public void A_table_cut_or_changed_at_any_byte_opens_or_is_refused(string name)
    {
        foreach (var (file, text, _) in Kinds.Values) _folder.Write(file, text);
        var (changedFile, whole, open) = Kinds[name];
        var bytes = Encoding.UTF8.GetBytes(whole);
        Assert.NotEmpty(Try(bytes)!);
        var refused = 0;
        for (var i = 0; i < bytes.Length; i++)
        {
            if (Try(bytes[..i]) is null) refused++;
            foreach (var value in new[] { (byte)0xFF, (byte)'"', (byte)'/' })
            {
                var changed = (byte[])bytes.Clone();
                changed[i] = value;
                if (Try(changed) is null) refused++;
            }
        }

        Assert.InRange(refused, bytes.Length, 4 * bytes.Length);

        ImageDataset? Try(byte[] content)
        {
            _folder.Write(changedFile, content);
            try
            {
                var data = open(_folder.Path);
                Assert.All(data, r => Assert.StartsWith(_folder.Path + Path.DirectorySeparatorChar, Path.GetFullPath(r.Path), StringComparison.Ordinal));
                return data;
            }
            catch (DatasetException)
            {
                return null;
            }
        }
    }
}

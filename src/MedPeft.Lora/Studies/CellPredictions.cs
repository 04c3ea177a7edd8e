using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Data;
using MedPeft.Lora.Metrics;
using static TorchSharp.torch;

namespace MedPeft.Lora.Studies;

/// <summary>
/// Logits and labels of a cell's test and validation images. Patients are numbers in the order of their first image, ages are bands: enough to resample
/// and to compare groups, nothing that names anyone.
/// </summary>
internal sealed record CellPredictions(
    float[] TestLogits, float[] TestLabels, int[] Patients, byte[] Sex, byte[] AgeBand, byte[] View, float[] ValidationLogits, float[] ValidationLabels)
{
    private static readonly string[] Bands = ["0-17", "18-39", "40-59", "60-79", "80+"];

    public static CellPredictions Of(ImageDataset test, float[] testLogits, ImageDataset validation, float[] validationLogits)
    {
        var numbers = new Dictionary<string, int>(StringComparer.Ordinal);
        var patients = new int[test.Count];
        for (var i = 0; i < patients.Length; i++)
        {
            // An image that names no patient is one of its own.
            var key = test[i].Patient is { } patient ? $"{test[i].Source}/{patient}" : FormattableString.Invariant($"\0{i}");
            if (!numbers.TryGetValue(key, out patients[i])) numbers.Add(key, patients[i] = numbers.Count);
        }

        return new CellPredictions(
            testLogits, LabelsOf(test), patients, [.. test.Select(r => (byte)r.Sex)],
            [.. test.Select(r => (byte)(1 + Array.IndexOf(Bands, AgeBands.Name(r.Age))))], [.. test.Select(r => (byte)r.View)], validationLogits, LabelsOf(validation));
    }

    /// <summary>The group of each test image; null where it is not known.</summary>
    public IReadOnlyList<string?> Groups(SubgroupKind kind) => kind switch
    {
        SubgroupKind.Sex => Array.ConvertAll(Sex, value => value == 0 ? null : ((Data.Sex)value).ToString()),
        SubgroupKind.Age => Array.ConvertAll(AgeBand, value => value == 0 ? null : Bands[value - 1]),
        _ => Array.ConvertAll(View, value => value == 0 ? null : ((ViewPosition)value).ToString()),
    };

    public void Save(string path, IReadOnlyList<string> labels)
    {
        using var scope = NewDisposeScope();
        long rows = Patients.Length, width = labels.Count;
        Safetensors.Write(path, new Dictionary<string, Tensor>
        {
            ["test.logits"] = tensor(TestLogits, [rows, width]),
            ["test.labels"] = tensor(Packed(TestLabels), [rows, width]),
            ["test.patient"] = tensor(Patients),
            ["test.sex"] = tensor(Sex),
            ["test.age_band"] = tensor(AgeBand),
            ["test.view"] = tensor(View),
            ["validation.logits"] = tensor(ValidationLogits, [ValidationLogits.Length / width, width]),
            ["validation.labels"] = tensor(Packed(ValidationLabels), [ValidationLogits.Length / width, width]),
        });
    }

    public static CellPredictions Load(string path)
    {
        using var scope = NewDisposeScope();
        using var file = Safetensors.Open(path);
        return new CellPredictions(
            Read<float>("test.logits"), Unpacked(Read<byte>("test.labels")), Read<int>("test.patient"), Read<byte>("test.sex"), Read<byte>("test.age_band"),
            Read<byte>("test.view"), Read<float>("validation.logits"), Unpacked(Read<byte>("validation.labels")));

        T[] Read<T>(string name)
            where T : unmanaged
        {
            using var values = file.Read(name);
            return values.data<T>().ToArray();
        }
    }

    private static float[] LabelsOf(ImageDataset data) => [.. data.SelectMany(record => record.Labels)];

    private static byte[] Packed(float[] labels) => Array.ConvertAll(labels, label => float.IsNaN(label) ? (byte)255 : (byte)label);

    private static float[] Unpacked(byte[] labels) => Array.ConvertAll(labels, label => label == 255 ? float.NaN : label);
}

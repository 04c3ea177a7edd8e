using System.Text;
using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Imaging;
using MedPeft.Lora.Studies;
using MedPeft.Lora.Vision;

namespace MedPeft.Lora.Tests.Studies;

/// <summary>A study of two backbones on an NIH folder of bright and dark pictures: seconds, not hours.</summary>
internal sealed class TinyStudy : IDisposable
{
    public const string Json = """
        // comments are allowed
        {
          "name": "tiny",
          "seeds": [0, 1],
          "pipeline": "gentle",
          "training": { "epochs": 2, "batchSize": 8, "learningRate": 0.1, "warmupEpochs": 0 },
          "backbones": [
            { "name": "A", "path": "a.safetensors", "vit": { "imageSize": 16, "patchSize": 8, "channels": 1, "embedDim": 24, "depth": 2, "heads": 3 } },
          ],
          "datasets": [
            {
              "name": "NIH", "kind": "nih", "root": "nih",
              "train": [ { "fraction": 0.5, "list": "train_list.txt", "draw": true }, { "fraction": 1, "list": "train_list.txt", "images": 24 } ],
              "validation": "val_list.txt", "test": "test_list.txt", "testImages": 20,
            }
          ],
          "methods": [
            { "name": "LoRA", "kind": "lora", "adapter": { "rank": 2, "alpha": 4, "blocks": ["query", "value"], "trainable": ["head", "fc_norm"] } },
            { "name": "FFT", "kind": "full", "training": { "learningRate": 0.02 } },
          ]
        }
        """;

    public TinyStudy(string json = Json)
    {
        var nih = Directory.CreateDirectory(Path.Combine(Folder, "nih", "images")).Parent!.FullName;
        var rows = new List<string> { "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]" };
        var number = 0;
        foreach (var (list, count) in new[] { ("train_list.txt", 24), ("val_list.txt", 16), ("test_list.txt", 20) })
        {
            var names = new List<string>();
            for (var i = 0; i < count; i++, number++)
            {
                var patient = 70_000 + number / 2;
                var name = FormattableString.Invariant($"{patient:D8}_{number % 2:D3}.png");
                bool ill = (number * 7 + 3) % 5 < 2, other = number % 3 == 0;
                var pixels = new byte[400];
                for (var p = 0; p < pixels.Length; p++) pixels[p] = (byte)((ill ? 150 : 90) + (other && p % 20 < 10 ? 40 : 0) + (p * 31 + number * 17) % 60);
                new PixelImage(20, 20, 1, pixels).SavePng(Path.Combine(nih, "images", name));
                rows.Add(FormattableString.Invariant($"{name},{(ill ? other ? "Effusion|Mass" : "Effusion" : other ? "Mass" : "No Finding")},{number % 2},{patient},{30 + number % 50},{(number % 4 < 2 ? 'F' : 'M')},PA,20,20,1,1"));
                names.Add(name);
            }

            File.WriteAllText(Path.Combine(nih, list), string.Join('\n', names) + '\n');
        }

        File.WriteAllText(Path.Combine(nih, "Data_Entry_2017_v2020.csv"), string.Join('\n', rows) + '\n');
        var vit = new ViTConfig { ImageSize = 16, PatchSize = 8, Channels = 1, EmbedDim = 24, Depth = 2, Heads = 3 };
        using var model = new VisionTransformer(vit, seed: 5);
        Safetensors.Write(Path.Combine(Folder, "a.safetensors"), model.state_dict().Where(entry => !entry.Key.StartsWith("head", StringComparison.Ordinal)).ToDictionary(e => e.Key, e => e.Value));
        File.WriteAllText(Path.Combine(Folder, "study.json"), json);
    }

    public string Folder { get; } = Directory.CreateTempSubdirectory("medpeft-study").FullName;

    public Study Study => Study.Load(Path.Combine(Folder, "study.json"));

    public StudyRunner Runner(string output = "out", int checkpointSteps = 0) =>
        new(Study, Path.Combine(Folder, output), new StudyRunOptions { CheckpointSteps = checkpointSteps, LoaderThreads = 1 });

    public static Study Parse(string json) => Study.Parse(Encoding.UTF8.GetBytes(json));

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}

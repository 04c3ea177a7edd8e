using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Data;
using MedPeft.Lora.Imaging;
using MedPeft.Lora.Training;
using MedPeft.Lora.Vision;

namespace MedPeft.Lora.Tests.Guides;

/// <summary>The code of docs/paper.md: on a folder in the layout of NIH ChestX-ray14 and a backbone of a few thousand weights.</summary>
public sealed class PaperGuide : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory().FullName;

    [Fact]
    public void A_published_run()
    {
        var root = Path.Combine(folder, "NIH_ChestX-ray");
        List(root, "train_1.txt", first: 1, count: 12);
        List(root, "val_list.txt", first: 20, count: 8);
        List(root, "test_list.txt", first: 40, count: 8);
        var shape = new ViTConfig { PatchSize = 32, EmbedDim = 24, Depth = 2, Heads = 3 };
        var checkpoint = Path.Combine(folder, "MRM.safetensors");
        using (var blank = new VisionTransformer(shape with { Outputs = 0 })) Safetensors.Write(checkpoint, blank);

        #region paper-recipe
        var recipe = Recipe.MedPeft("MRM", "NIH", 0.01);
        Console.WriteLine(recipe);                          // MRM on NIH with 1 %, LoRA rank 4: Sgd, 100 epochs, learning rate 0.05

        var train = ChestXray14.Open(root, "train_1.txt");
        var validation = ChestXray14.Open(root, "val_list.txt");
        var config = shape with { Outputs = train.Labels.Count, DropPath = recipe.DropPath };   // shape: ViTConfig.Base16
        using var vit = VisionTransformer.FromCheckpoint(checkpoint, config, out var report);
        Console.WriteLine(report);                          // what was loaded, what is left over, what is new
        var lora = vit.InjectLora(recipe.Lora!);
        lora.Labels = train.Labels;
        var options = recipe.Options with { RunFolder = Path.Combine(folder, "nih-1pct-run"), Device = "cpu" };
        #endregion

        Assert.Equal("MRM on NIH with 1 %, LoRA rank 4: Sgd, 100 epochs, learning rate 0.05", recipe.ToString());
        options = options with { Epochs = 1 };

        #region paper-train
        var trainer = new Trainer(options);
        var result = trainer.Fit(vit, train, validation);   // killed and started again, it goes on where it was
        Console.WriteLine($"epoch {result.Best.Epoch}: macro AUROC {result.Best.Auroc.Macro:F4} on validation");
        Console.WriteLine(trainer.Evaluate(vit, ChestXray14.Open(root, "test_list.txt")));
        lora.Save(Path.Combine(folder, "nih-1pct-r4"));
        #endregion

        Assert.Single(result.Epochs);
        Assert.True(File.Exists(Path.Combine(folder, "nih-1pct-r4", "adapter_model.safetensors")));
    }

    [Fact]
    public void Defects_are_chosen_one_by_one_or_all()
    {
        #region paper-defects
        var meant = Recipe.MedPeft("CXR-MAE", "RSNA", 0.1);
        var one = Recipe.MedPeft("CXR-MAE", "RSNA", 0.1, defects: ReferenceDefects.LayerDecayOnAdapters);
        var all = Recipe.ReproducePaper(FoundationBackbone.CxrMae, BenchmarkDataset.Rsna, 0.1);
        Console.WriteLine($"{meant.Options.LayerDecay} {one.Options.LayerDecay} {all.Options.LayerDecay}");     // 1 0.65 0.65
        Console.WriteLine($"{meant.Dicom.Windowing} {all.Dicom.Windowing}");                                   // File MedPeftRsna
        #endregion

        Assert.Equal((1, .65, .65), (meant.Options.LayerDecay, one.Options.LayerDecay, all.Options.LayerDecay));
        Assert.Equal((DicomWindowing.File, DicomWindowing.MedPeftRsna), (meant.Dicom.Windowing, all.Dicom.Windowing));
    }

    [Fact]
    public void Full_fine_tuning_has_two_published_runs()
    {
        #region paper-full
        var full = Recipe.MedPeft("MRM", "NIH", 0.01, FineTuningMethod.Full);
        var error = Assert.Throws<ArgumentException>(() => Recipe.MedPeft("MRM", "CheXpert", 0.01, FineTuningMethod.Full));
        Assert.StartsWith("Full fine-tuning of MRM on CheXpert with 1 %: its hyper-parameters are not published. ", error.Message);
        #endregion

        Assert.Null(full.Lora);
    }

    [Fact]
    public void Lists_of_all_three_sets_open_in_one_way()
    {
        var (nih, chexpert, rsna) = (Path.Combine(folder, "nih"), Path.Combine(folder, "CheXpert-v1.0-small"), Path.Combine(folder, "rsna"));
        List(nih, "train_1.txt", first: 1, count: 2);
        List(chexpert, "train_1.txt", first: 1, count: 2, labels: 5, path: "CheXpert-v1.0-small/train/patient{0:00000}/study1/view1_frontal.png");
        List(rsna, "train_1.txt", first: 1, count: 2, labels: 1, path: "stage_2_train_images/{0}.png");
        var recipe = Recipe.MedPeft("MRM", "RSNA", 0.01);

        #region paper-open
        var fromNih = ChestXray14.Open(nih, "train_1.txt");
        var fromCheXpert = CheXpert.Open(chexpert, "train_1.txt");
        var fromRsna = Rsna.Open(rsna, "train_1.txt", dicom: recipe.Dicom);
        #endregion

        Assert.Equal([14, 5, 1], new[] { fromNih, fromCheXpert, fromRsna }.Select(data => data.Labels.Count));
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    /// <summary>A list of MED-PEFT's form and its images.</summary>
    private static void List(string root, string name, int first, int count, int labels = 14, string path = "images/{0:00000000}_000.png")
    {
        var lines = new List<string>();
        for (var i = first; i < first + count; i++)
        {
            var image = string.Format(System.Globalization.CultureInfo.InvariantCulture, path, i);
            var file = Path.Combine(root, image.StartsWith("CheXpert", StringComparison.Ordinal) ? image[(image.IndexOf('/', StringComparison.Ordinal) + 1)..] : image);
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            new PixelImage(32, 32, 1, [.. Enumerable.Range(0, 32 * 32).Select(p => (byte)((p * i) % 251))]).SavePng(file);
            lines.Add($"{(labels == 14 ? Path.GetFileName(image) : image)} {string.Join(' ', Enumerable.Range(0, labels).Select(k => (i + k) % 2))}");
        }

        File.WriteAllLines(Path.Combine(root, name), lines);
    }
}

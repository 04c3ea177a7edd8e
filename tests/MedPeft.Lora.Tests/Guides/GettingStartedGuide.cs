using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Data;
using MedPeft.Lora.Imaging;
using MedPeft.Lora.Prediction;
using MedPeft.Lora.Training;
using MedPeft.Lora.Vision;

namespace MedPeft.Lora.Tests.Guides;

/// <summary>The code of docs/getting-started.md.</summary>
public sealed class GettingStartedGuide : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory().FullName;

    [Fact]
    public void From_nothing_to_a_prediction()
    {
        #region start-images
        var random = new Random(1);
        var table = new List<string> { "image,patient,Opacity" };
        for (var i = 0; i < 60; i++)
        {
            var sick = i % 2;
            var pixels = new byte[40 * 40];
            for (var p = 0; p < pixels.Length; p++) pixels[p] = (byte)(random.Next(40, 160) + 50 * sick); // the sick are brighter
            new PixelImage(40, 40, 1, pixels).SavePng(Path.Combine(folder, $"{i}.png"));
            table.Add($"{i}.png,patient{i / 2},{sick}");
        }

        File.WriteAllLines(Path.Combine(folder, "images.csv"), table);
        #endregion

        #region start-open
        var columns = new ImageTableColumns { Path = "image", Patient = "patient", Labels = ["Opacity"] };
        var data = ImageTable.Open(Path.Combine(folder, "images.csv"), columns);
        Console.WriteLine(data);                            // images.csv: 60 images of 30 patients, 1 labels, …
        var parts = data.Split([0.6, 0.2, 0.2], seed: 1);   // by patient: nobody is in two parts
        var (train, validation, test) = (parts[0], parts[1], parts[2]);
        #endregion

        #region start-foundation
        var shape = new ViTConfig { ImageSize = 32, PatchSize = 8, EmbedDim = 48, Depth = 3, Heads = 3, Outputs = train.Labels.Count };
        var foundation = Path.Combine(folder, "foundation.safetensors");
        using (var blank = new VisionTransformer(shape with { Outputs = 0 }, seed: 1)) Safetensors.Write(foundation, blank);
        #endregion

        #region start-inject
        using var vit = VisionTransformer.FromCheckpoint(foundation, shape);
        var lora = vit.InjectLora(new LoraConfig
        {
            Rank = 4, Alpha = 8, Targets = ["qkv"], Blocks = [LoraBlock.Query, LoraBlock.Value], Trainable = ["head", "fc_norm"],
        });
        lora.Labels = train.Labels;
        Console.WriteLine(lora.Parameters);                 // 2,449 of 97,393 parameters trained (2.515 %)
        #endregion

        Assert.Equal("2,449 of 97,393 parameters trained (2.515 %)", lora.Parameters.ToString());

        #region start-train
        var options = new TrainingOptions { Epochs = 4, BatchSize = 12, LearningRate = 0.1, ImageSize = 32, Normalization = new Normalization(0.5f, 0.2f) };
        var trainer = new Trainer(options);
        var result = trainer.Fit(vit, train, validation);
        foreach (var epoch in result.Epochs) Console.WriteLine($"epoch {epoch.Epoch}: loss {epoch.TrainingLoss:F3}, validation AUROC {epoch.Auroc.Macro:F3}");
        Console.WriteLine($"test AUROC {trainer.Evaluate(vit, test).Macro:F3}");
        #endregion

        Assert.Equal(4, result.Epochs.Count);
        Assert.InRange(result.Best.Auroc.Macro, .9, 1);

        #region start-save
        var adapter = Path.Combine(folder, "opacity-r4");
        lora.Save(adapter);
        new PredictionSettings { Labels = train.Labels, ImageSize = 32, Normalization = options.Normalization }.Save(adapter);
        #endregion

        #region start-predict
        using var predictor = Predictor.Load(VisionTransformer.FromCheckpoint(foundation, shape), adapter);
        var prediction = predictor.Predict(test[0].Path);
        Console.WriteLine($"{prediction.Name}: {predictor.Labels[0]} {prediction.Probabilities[0]:P0}");
        #endregion

        Assert.Null(prediction.Problem);
        Assert.Equal(test[0].Labels[0] == 1, prediction.Probabilities[0] > .5);
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);
}

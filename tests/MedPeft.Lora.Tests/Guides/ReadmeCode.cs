using MedPeft.Lora.Data;
using MedPeft.Lora.Training;
using MedPeft.Lora.Vision;

namespace MedPeft.Lora.Tests.Guides;

/// <summary>The code of the README. It is compiled and not run: its data and its foundation model are the reader's. <see cref="PaperGuide"/> runs the same calls on small ones.</summary>
internal static class ReadmeCode
{
    public static void FirstScreen()
    {
        #region readme
        var train = ChestXray14.Open("NIH_ChestX-ray", "train_1.txt");
        var validation = ChestXray14.Open("NIH_ChestX-ray", "val_list.txt");
        using var vit = VisionTransformer.FromCheckpoint("MRM.pth", ViTConfig.Base16 with { Outputs = train.Labels.Count, DropPath = 0.1 });
        var lora = vit.InjectLora(new LoraConfig { Rank = 4, Alpha = 32, Dropout = 0.1, Targets = ["qkv"], Blocks = [LoraBlock.Query, LoraBlock.Value], Trainable = ["head", "fc_norm"] });
        Console.WriteLine(lora.Parameters);                    // 159,758 of 85,956,878 parameters trained (0.186 %)
        var run = new Trainer(TrainingOptions.MedPeft("MRM", "NIH", 0.01)).Fit(vit, train, validation);
        Console.WriteLine($"macro AUROC {run.Best.Auroc.Macro:F4}");
        lora.Save("nih-1pct-r4");                              // Hugging Face PEFT opens it too
        #endregion
    }
}

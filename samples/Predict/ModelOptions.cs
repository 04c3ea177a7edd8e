using System.CommandLine;
using MedPeft.Lora.Imaging;
using MedPeft.Lora.Vision;

namespace MedPeft.Samples.Predict;

/// <summary>Whose pixels the backbone was pre-trained on.</summary>
internal enum Pixels
{
    Mrm,
    CxrMae,
    None,
}

/// <summary>The options that both commands share: the model and how it runs.</summary>
internal sealed class ModelOptions
{
    public Option<FileInfo> Base { get; } = new("--base", "-b") { Description = "The foundation model that the adapter was trained on: .pth or .safetensors, by timm's names.", Required = true, HelpName = "file" };

    public Option<string> Adapter { get; } = new("--adapter", "-a") { Description = "The folder of the adapter that was trained.", Required = true, HelpName = "folder" };

    public Option<int?> Heads { get; } = new("--heads") { Description = "Attention heads, which no file tells; left out: one for 64 channels.", HelpName = "n" };

    public Option<ViTPooling> Pooling { get; } = new("--pooling") { Description = "What the head was trained on.", DefaultValueFactory = _ => ViTPooling.MeanPatches };

    public Option<string> Device { get; } = new("--device") { Description = "cpu, cuda or cuda:N.", DefaultValueFactory = _ => "cpu", HelpName = "device" };

    public Option<int> BatchSize { get; } = new("--batch-size") { Description = "Images a pass.", DefaultValueFactory = _ => 16, HelpName = "n" };

    public Option<int> Threads { get; } = new("--threads") { Description = "Threads that decode images; 0 for one a core.", DefaultValueFactory = _ => 0, HelpName = "n" };

    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[Base, Adapter, Heads, Pooling, Device, BatchSize, Threads]) command.Options.Add(option);
    }

    public static Normalization Normalization(Pixels pixels) => pixels switch
    {
        Pixels.Mrm => Lora.Imaging.Normalization.Mrm,
        Pixels.CxrMae => Lora.Imaging.Normalization.CxrMae,
        _ => Lora.Imaging.Normalization.None,
    };
}

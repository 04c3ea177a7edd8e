using System.CommandLine;
using MedPeft.Lora.Imaging;
using MedPeft.Lora.Training;

namespace MedPeft.Samples.FineTune;

/// <summary>The size of the backbone.</summary>
internal enum Size
{
    Tiny,
    Small,
    Base,
    Large,
}

/// <summary>Whose pixels the backbone was pre-trained on.</summary>
internal enum Pixels
{
    Mrm,
    CxrMae,
    None,
}

/// <summary>The command line: every option with its description, its default and its place in the help.</summary>
internal sealed class Options
{
    public Option<DirectoryInfo> Data { get; } = new("--data", "-d")
    {
        Description = "The folder of NIH ChestX-ray14 (Data_Entry_2017*.csv), CheXpert (train.csv) or RSNA Pneumonia (stage_2_train_labels.csv) as they are shipped. For lists with labels in them, the folder of the images.",
        Required = true,
        HelpName = "folder",
    };

    public Option<DatasetKind?> Dataset { get; } = new("--dataset") { Description = "Which data set the folder holds. Left out: recognised by its files." };

    public Option<string?> TrainList { get; } = new("--train-list") { Description = "The images to learn from: a list or table in the folder or a path. Left out: train_val_list.txt (NIH), train.csv (CheXpert), all (RSNA).", HelpName = "file" };

    public Option<string?> ValidationList { get; } = new("--validation-list") { Description = "The images that pick the best epoch. Left out: a tenth of the training patients.", HelpName = "file" };

    public Option<string?> TestList { get; } = new("--test-list") { Description = "Images scored once, at the end.", HelpName = "file" };

    public Option<LabelChoice> Labels { get; } = new("--labels") { Description = "Labels of the paper (CheXpert: the competition's five; RSNA: pneumonia), or all.", DefaultValueFactory = _ => LabelChoice.Paper };

    public Option<Uncertainty> Uncertainty { get; } = new("--uncertainty") { Description = "What an uncertain label of CheXpert (-1) is taken for.", DefaultValueFactory = _ => Samples.Uncertainty.MedPeft };

    public Option<DicomWindowing> Windowing { get; } = new("--windowing") { Description = "How the values of DICOM files become 8 bits.", DefaultValueFactory = _ => DicomWindowing.File };

    public Option<FileInfo?> Checkpoint { get; } = new("--checkpoint", "-c")
    {
        Description = "The foundation model: MRM.pth, CXR-MAE's .pth, another MAE, timm or Hugging Face ViT, .safetensors. Left out: random weights, which learn little.",
        HelpName = "file",
    };

    public Option<Size> Size { get; } = new("--size") { Description = "Size of the backbone, patches of 16 px.", DefaultValueFactory = _ => FineTune.Size.Base };

    public Option<int> ImageSize { get; } = new("--image-size") { Description = "Rows and columns that images are brought to, a multiple of 16.", DefaultValueFactory = _ => 224, HelpName = "pixels" };

    public Option<Pixels> Pixels { get; } = new("--pixels") { Description = "Mean and deviation that pixels are normalised with: the backbone's.", DefaultValueFactory = _ => FineTune.Pixels.Mrm };

    public Option<Adaptation> Method { get; } = new("--method", "-m") { Description = "How the backbone is adapted; the head and its norm are trained beside it.", DefaultValueFactory = _ => Adaptation.Lora };

    public Option<string?> Recipe { get; } = new("--recipe")
    {
        Description = "The published hyper-parameters of this backbone on this data set and --fraction: mrm or cxr-mae. Options that are given count before it.",
        HelpName = "backbone",
    };

    public Option<double> Fraction { get; } = new("--fraction") { Description = "Share of the training images; of a data set without a --train-list, so many are drawn.", DefaultValueFactory = _ => 1, HelpName = "0.01|0.1|1" };

    public Option<Precision> Precision { get; } = new("--precision") { Description = "Number format of the frozen layers; float16 needs CUDA.", DefaultValueFactory = _ => Lora.Training.Precision.Float32 };

    public Option<DirectoryInfo?> Run { get; } = new("--run") { Description = "Keeps checkpoints of the run there; the same command goes on from the last one.", HelpName = "folder" };

    public Option<DirectoryInfo?> Cache { get; } = new("--cache") { Description = "Keeps the images there, decoded and resized once; a fast local disk.", HelpName = "folder" };

    public Option<FileInfo?> JsonLog { get; } = new("--json-log") { Description = "Steps and epochs as one JSON object a line.", HelpName = "file" };

    public Option<DirectoryInfo?> TensorBoard { get; } = new("--tensorboard") { Description = "Steps and epochs for TensorBoard.", HelpName = "folder" };

    public Option<int> Rank { get; } = new("--rank", "-r") { Description = "Rank of the adapters.", DefaultValueFactory = _ => 4, HelpName = "r" };

    public Option<double> Alpha { get; } = new("--alpha") { Description = "Their scale is alpha / rank.", DefaultValueFactory = _ => 32, HelpName = "a" };

    public Option<double> Dropout { get; } = new("--dropout") { Description = "Dropout in front of the adapters.", DefaultValueFactory = _ => .1, HelpName = "p" };

    public Option<double> DropPath { get; } = new("--drop-path") { Description = "Stochastic depth of the backbone.", DefaultValueFactory = _ => .1, HelpName = "p" };

    public Option<int> Epochs { get; } = new("--epochs", "-e") { Description = "Passes over the training images.", DefaultValueFactory = _ => 100, HelpName = "n" };

    public Option<int> BatchSize { get; } = new("--batch-size", "-b") { Description = "Images a step.", DefaultValueFactory = _ => 64, HelpName = "n" };

    public Option<OptimizerKind> Optimizer { get; } = new("--optimizer") { Description = "Rule of the steps.", DefaultValueFactory = _ => OptimizerKind.Sgd };

    public Option<double> LearningRate { get; } = new("--learning-rate", "-l") { Description = "Learning rate after the warm-up.", DefaultValueFactory = _ => .05, HelpName = "rate" };

    public Option<double> LayerDecay { get; } = new("--layer-decay") { Description = "Factor on the learning rate per layer below the head; 1 for none.", DefaultValueFactory = _ => 1, HelpName = "f" };

    public Option<double> WeightDecay { get; } = new("--weight-decay") { Description = "Weight decay.", DefaultValueFactory = _ => 0, HelpName = "w" };

    public Option<string> Device { get; } = new("--device") { Description = "cpu, cuda or cuda:N; cuda needs a build with -p:TorchBackend=cuda-linux or cuda-windows, or MEDPEFT_LIBTORCH.", DefaultValueFactory = _ => "cpu", HelpName = "device" };

    public Option<ulong> Seed { get; } = new("--seed") { Description = "The same seed on the same machine gives the same result.", DefaultValueFactory = _ => 0, HelpName = "n" };

    public Option<DirectoryInfo> Output { get; } = new("--out", "-o") { Description = "Where the adapter with predictor.json, history.csv and result.json go; without --checkpoint the random backbone too.", DefaultValueFactory = _ => new DirectoryInfo("fine-tune-output"), HelpName = "folder" };

    /// <summary>The command with its options; <paramref name="run"/> gets what the user typed.</summary>
    public RootCommand Command(Func<ParseResult, int> run)
    {
        var command = new RootCommand(
            """
            Fine-tune a chest-radiograph foundation model on NIH ChestX-ray14, CheXpert or RSNA Pneumonia: by LoRA or any of its relatives, full fine-tuning or a linear probe.

            Examples
              fine-tune --data NIH_ChestX-ray --checkpoint MRM.pth --train-list train_1.txt --validation-list val_list.txt --test-list test_list.txt
              fine-tune --data NIH_ChestX-ray --checkpoint MRM.pth --method full --learning-rate 0.01 --device cuda
              fine-tune --data NIH_ChestX-ray --checkpoint MRM.pth --train-list train_1.txt --recipe mrm --fraction 0.01 --run runs/nih-1 --cache cache
              fine-tune --data CheXpert-v1.0-small --checkpoint MRM.pth --validation-list valid.csv --uncertainty ignore
              fine-tune --data rsna-pneumonia-detection-challenge --checkpoint MRM.pth --windowing medpeftrsna

            Exit codes: 0 done, 2 wrong command line, 65 bad data or checkpoint, 70 the run broke down, 78 options that do not fit each other;
            stopped after the step at hand, and with --run ready to go on: 130 by Ctrl+C, 75 by SIGTERM or SIGUSR1.
            """)
        {
            Data, Dataset, TrainList, ValidationList, TestList, Labels, Uncertainty, Windowing, Checkpoint, Size, ImageSize, Pixels, Method, Rank, Alpha, Dropout, DropPath,
            Epochs, BatchSize, Optimizer, LearningRate, LayerDecay, WeightDecay, Recipe, Fraction, Precision,
            Run, Cache, JsonLog, TensorBoard, Device, Seed, Output,
        };
        command.SetAction(run);
        return command;
    }

    public static Normalization Normalization(Pixels pixels) => pixels switch
    {
        FineTune.Pixels.Mrm => Lora.Imaging.Normalization.Mrm,
        FineTune.Pixels.CxrMae => Lora.Imaging.Normalization.CxrMae,
        _ => Lora.Imaging.Normalization.None,
    };
}

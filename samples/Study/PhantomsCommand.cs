using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Data;
using MedPeft.Lora.Studies;
using MedPeft.Lora.Training;
using MedPeft.Lora.Vision;
using MedPeft.Samples.Phantoms;
using Spectre.Console;

namespace MedPeft.Samples.Studies;

/// <summary><c>study phantoms</c>: a folder with all that a study in miniature needs: three data sets of made-up patients, two foundation models, the study's file.</summary>
internal static partial class PhantomsCommand
{
    private static readonly (PhantomLayout Layout, string Folder)[] Sets = [(PhantomLayout.Nih, "nih"), (PhantomLayout.CheXpert, "chexpert"), (PhantomLayout.Rsna, "rsna")];

    public static Command Make(Common common)
    {
        var folder = new Argument<DirectoryInfo>("folder") { Description = "Where to; made if it does not exist.", DefaultValueFactory = _ => new DirectoryInfo("phantom-study") };
        var tiny = new Option<bool>("--tiny") { Description = "Few images and epochs: for a test of the way, not of the methods." };
        var command = new Command("phantoms", "Make a study in miniature on made-up patients: then cd into the folder and run it like one on real data.") { folder, tiny };
        command.SetAction(given => common.Guard(() =>
        {
            using var stop = new StopSignals();
            Write(given.GetValue(folder)!.FullName, given.GetValue(tiny), stop.Token);
            return stop.ExitCode;
        }));
        return command;
    }

    private static void Write(string folder, bool tiny, CancellationToken stop)
    {
        Directory.CreateDirectory(folder);
        var json = Embedded("phantom-study.json");
        if (tiny) json = Epochs().Replace(Seeds().Replace(json, "\"seeds\": [0]"), "\"epochs\": 2");
        File.WriteAllText(Path.Combine(folder, "study.json"), json);
        var study = Study.Load(Path.Combine(folder, "study.json"));
        var size = study.Backbones[0].Vit.ImageSize;
        var (train, validation, test, unlabelled) = tiny ? (200, 60, 80, 64) : (1200, 200, 500, 2400);

        // Twice as frequent as in the real table, none under 8 %: so small a set would hold too few of the rare findings to learn or to score.
        CohortOptions Cohort(int images, ulong seed) => new() { Images = images, Size = size, Seed = seed, PrevalenceScale = 2, MinimumPrevalence = .08 };
        for (var k = 0; k < Sets.Length; k++)
        {
            var names = PhantomData.Lists(Sets[k].Layout, 10);
            PhantomData.Write(
                Sets[k].Layout, Path.Combine(folder, Sets[k].Folder), Cohort(train + validation + test, (ulong)(11 + k)),
                [(names[0].Name, train), (names[1].Name, validation), (names[2].Name, test)], cancellation: stop);
            AnsiConsole.WriteLine(Text($"{Sets[k].Folder}: {train} images to learn from, {validation} to validate, {test} to test"));
        }

        for (var k = 0; k < study.Backbones.Count; k++)
        {
            // Each backbone has seen other patients.
            var images = Path.Combine(folder, Text($"unlabelled-{k}"));
            PhantomNih.Write(images, Cohort(unlabelled, (ulong)(21 + k)), [("all.txt", unlabelled)], cancellation: stop);
            var loss = Pretrain(study.Backbones[k], ChestXray14.Open(images), Path.Combine(folder, study.Backbones[k].Path), (ulong)k, tiny ? 1 : 20, stop);
            AnsiConsole.WriteLine(Text($"{study.Backbones[k].Name}: pre-trained on {unlabelled} images without labels, loss {loss:F3}"));
        }

        AnsiConsole.WriteLine($"Now: cd {folder}, and study plan --machine 2cores, study run, study report");
    }

    private static double Pretrain(StudyBackbone backbone, ImageDataset images, string path, ulong seed, int epochs, CancellationToken stop)
    {
        var vit = backbone.Vit with { DropPath = 0 };
        var pixels = backbone.Normalization!;
        using var model = new MaskedAutoencoder(new MaskedAutoencoderConfig { Encoder = vit, DecoderDim = 64, DecoderDepth = 2, DecoderHeads = 4 }, seed);
        var trainer = new Trainer(TrainingOptions.Mae(epochs, 64, vit.ImageSize, pixels, .7, channels: 1) with { LearningRate = 1.5e-3, Seed = seed });
        var losses = trainer.Pretrain(model, images, cancellationToken: stop);
        stop.ThrowIfCancellationRequested();
        Safetensors.Write(path, model.state_dict());
        return losses[^1];
    }

    private static string Embedded(string name)
    {
        using var stream = typeof(PhantomsCommand).Assembly.GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }

    [GeneratedRegex("\"seeds\": \\[[^\\]]*\\]")]
    private static partial Regex Seeds();

    [GeneratedRegex("\"epochs\": [0-9]+")]
    private static partial Regex Epochs();

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

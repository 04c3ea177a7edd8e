using System.CommandLine;
using MedPeft.Lora.Imaging;
using MedPeft.Samples.Phantoms;

namespace MedPeft.Samples.InspectData;

/// <summary>The command line: every option with its description, its default and its place in the help.</summary>
internal sealed class Options
{
    public Argument<DirectoryInfo> Data { get; } = new("folder") { Description = "NIH ChestX-ray14, CheXpert or RSNA Pneumonia as they are shipped." };

    public Option<DatasetKind?> Dataset { get; } = new("--dataset") { Description = "Which data set the folder holds. Left out: recognised by its files." };

    public Option<string[]> Lists { get; } = new("--list", "-l") { Description = "A list or table to look at; several are also checked for leaks between them. Left out: the whole table (CheXpert: train.csv).", HelpName = "file", AllowMultipleArgumentsPerToken = true };

    public Option<LabelChoice> Labels { get; } = new("--labels") { Description = "Labels of the paper (CheXpert: the competition's five; RSNA: pneumonia), or all.", DefaultValueFactory = _ => LabelChoice.All };

    public Option<Uncertainty> Uncertainty { get; } = new("--uncertainty") { Description = "What an uncertain label of CheXpert (-1) is taken for.", DefaultValueFactory = _ => Samples.Uncertainty.Ignore };

    public Option<DicomWindowing> Windowing { get; } = new("--windowing") { Description = "How the values of DICOM files become 8 bits.", DefaultValueFactory = _ => DicomWindowing.File };

    public Option<bool> Quick { get; } = new("--quick", "-q") { Description = "Read tables and headers only: unreadable images are not looked for." };

    public Option<bool> Looks { get; } = new("--looks") { Description = "Look for leaks by bytes and by looks too, not by patient and file name alone." };

    public Option<FileInfo?> Sheet { get; } = new("--sheet", "-s") { Description = "Draw a contact sheet with labels and boxes into this PNG file.", HelpName = "png" };

    public Option<int> Pictures { get; } = new("--pictures") { Description = "Images on the sheet.", DefaultValueFactory = _ => 12, HelpName = "n" };

    public Argument<PhantomLayout> Layout { get; } = new("layout") { Description = "As whose data set." };

    public Argument<DirectoryInfo> Target { get; } = new("target") { Description = "Where to; created when missing." };

    public Option<int> Images { get; } = new("--images") { Description = "How many.", DefaultValueFactory = _ => 200, HelpName = "n" };

    public Option<int> Size { get; } = new("--size") { Description = "Side of the pictures, 32 to 2048.", DefaultValueFactory = _ => 256, HelpName = "pixels" };

    public Option<int> Seed { get; } = new("--seed") { Description = "Decides everything.", DefaultValueFactory = _ => 1, HelpName = "n" };

    /// <summary>The command with its options and the one that makes phantoms.</summary>
    public RootCommand Command(Func<ParseResult, int> inspect, Func<ParseResult, int> phantoms)
    {
        var draw = new Command("phantoms", "Write a cohort of made-up patients in the layout of a data set, to try things out without the real one.")
        {
            Layout, Target, Images, Size, Seed,
        };
        draw.SetAction(phantoms);
        var command = new RootCommand(
            """
            Look into a folder of chest radiographs: counts, prevalence, views, patients, leaks between lists, unreadable files, a contact sheet.

            Examples
              inspect-data NIH_ChestX-ray --list train_1.txt val_list.txt test_list.txt --sheet nih.png
              inspect-data CheXpert-v1.0-small --list train.csv valid.csv --uncertainty medpeft
              inspect-data phantoms rsna my-phantoms --images 100

            Exit codes: 0 nothing wrong, 1 a leak or an unreadable file found, 2 wrong command line, 65 data that cannot be used, 130 stopped by Ctrl+C.
            """)
        {
            Data, Dataset, Lists, Labels, Uncertainty, Windowing, Quick, Looks, Sheet, Pictures, draw,
        };
        command.SetAction(inspect);
        return command;
    }
}

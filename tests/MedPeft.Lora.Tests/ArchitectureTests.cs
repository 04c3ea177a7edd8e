using System.Text.RegularExpressions;

namespace MedPeft.Lora.Tests;

/// <summary>Dependencies of the house point one way. Common holds what has no home of its own: all may know it, and it knows nobody.</summary>
public class ArchitectureTests
{
    private static readonly Dictionary<string, string[]> MayKnow = new()
    {
        [""] = ["Injection", "Combination", "Checkpoints"],
        ["Methods"] = ["Injection", "Checkpoints"], // one file or two for each method; the namespace of the root, which knows none of them
        ["Injection"] = ["", "Checkpoints"],
        ["Combination"] = ["", "Injection"],
        ["Vision"] = ["Checkpoints"],
        ["Checkpoints"] = [],
        ["Imaging"] = [],
        ["Data"] = ["Imaging"],
        ["Metrics"] = [],
        ["Training"] = ["", "Data", "Imaging", "Metrics", "Checkpoints"],
        ["Prediction"] = ["", "Data", "Imaging", "Metrics", "Vision", "Checkpoints"],
        ["Studies"] = ["", "Training", "Data", "Imaging", "Metrics", "Checkpoints", "Vision"],
        ["Native"] = [],
        ["Common"] = [],
    };

    public static TheoryData<string> Folders => [.. MayKnow.Keys];

    [Theory]
    [MemberData(nameof(Folders))]
    public void A_folder_knows_only_what_the_design_lets_it(string folder)
    {
        var source = Source();
        var root = folder.Length == 0 ? source : Path.Combine(source, folder);
        if (!Directory.Exists(root)) return;
        var files = Directory.EnumerateFiles(root, "*.cs", folder.Length == 0 ? SearchOption.TopDirectoryOnly : SearchOption.AllDirectories);
        var offences =
            from file in files
            let text = File.ReadAllText(file)
            from known in MayKnow.Keys
            where known.Length > 0 && known != "Common" && known != folder && !MayKnow[folder].Contains(known)
            where Regex.IsMatch(text, $@"^(using |using static )MedPeft\.Lora\.{known}[.;]|MedPeft\.Lora\.{known}\.\w|(?<![\w.]){known}\.[A-Z]\w+\(", RegexOptions.Multiline)
            select $"{Path.GetRelativePath(source, file)} knows {known}";

        Assert.Empty(offences);
    }

    [Fact]
    public void Every_folder_of_the_library_is_in_the_design() =>
        Assert.Empty(Directory.EnumerateDirectories(Source()).Select(Path.GetFileName).Except(MayKnow.Keys).Except(["buildTransitive", "bin", "obj"]));

    [Fact]
    public void A_file_holds_one_idea() =>
        Assert.Empty(Directory.EnumerateFiles(Source(), "*.cs", SearchOption.AllDirectories)
            .Where(file => File.ReadLines(file).Count() > 350).Select(file => $"{Path.GetFileName(file)} has {File.ReadLines(file).Count()} lines"));

    private static string Source()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "MedPeft.Lora.sln"))) return Path.Combine(folder.FullName, "src", "MedPeft.Lora");
        }

        throw new DirectoryNotFoundException("The tests run inside the repository.");
    }
}

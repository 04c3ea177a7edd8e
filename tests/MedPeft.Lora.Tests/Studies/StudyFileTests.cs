using MedPeft.Lora.Studies;
using MedPeft.Lora.Training;

namespace MedPeft.Lora.Tests.Studies;

public class StudyFileTests
{
    [Fact]
    public void A_file_with_comments_and_trailing_commas_is_read()
    {
        var study = TinyStudy.Parse(TinyStudy.Json);

        Assert.Equal(("tiny", "cpu", StudyPipeline.Gentle), (study.Name, study.Device, study.Pipeline));
        Assert.Equal([0, 1], study.Seeds);
        Assert.Equal(24, study.Backbones[0].Vit.EmbedDim);
        Assert.Equal(new StudyTrainingSet(.5, "train_list.txt", Draw: true), study.Datasets[0].Train[0]);
        var lora = Assert.IsType<LoraConfig>(study.Methods[0].Adapter);
        Assert.Equal((2, 4.0), (lora.Rank, lora.Alpha));
        Assert.Equal([LoraBlock.Query, LoraBlock.Value], lora.Blocks);
    }

    [Theory]
    [InlineData("\"kind\": \"lora\"", "\"kind\": \"lorra\"", "line 18, column 31: methods[0].kind is \"lorra\"; recipe, adalora,", "Did you mean \"lora\"?")]
    [InlineData("\"kind\": \"nih\"", "\"kind\": \"mimic\"", "line 12, column 30: datasets[0].kind is \"mimic\"; nih, cheXpert or rsna fits.", "")]
    [InlineData("\"rank\": 2", "\"rang\": 2", "line 18, column 60: methods[0].adapter.rang is no field here; the fields are allLinear, alpha,", "Did you mean \"rank\"?")]
    [InlineData("\"rank\": 2", "\"rank\": 0", "line 18, column 60: methods[0].adapter.rank: Rank is 0; it must be at least 1, and 4 to 32 is usual.", "")]
    [InlineData("\"rank\": 2", "\"rank\": 2.5", "line 18, column 60: methods[0].adapter.rank is 2.5; a whole number fits.", "")]
    [InlineData("\"epochs\": 2", "\"epoch\": 2", "line 6, column 26: training.epoch is no field here; the fields are batchSize,", "Did you mean \"epochs\"?")]
    [InlineData("\"epochs\": 2", "\"epochs\": \"two\"", "line 6, column 27: training.epochs is \"two\"; a whole number fits.", "")]
    [InlineData("\"epochs\": 2", "\"epochs\": 0", "line 6, column 27: training.epochs: Epochs ('0') must be a non-negative and non-zero value.", "")]
    [InlineData("\"epochs\": 2", "\"seed\": 2", "line 6, column 25: training.seed is no field here;", "")]
    [InlineData("\"fraction\": 0.5", "\"fraction\": 50", "line 13, column 32: datasets[0].train[0].fraction is 50; a share above 0 and at most 1 fits, such as 0.01 for 1 %.", "")]
    [InlineData("\"depth\": 2", "\"heads\": 2", "line 8, column 130: backbones[0].vit.heads is given twice; leave one out.", "")]
    [InlineData("\"patchSize\": 8", "\"patchSize\": 7", "line 8, column 52: backbones[0].vit: ImageSize 16 is not a multiple of PatchSize 7. The nearest that fit: 14 and 21.", "")]
    [InlineData("\"name\": \"tiny\",", "", "line 2, column 1: the study has no \"name\"; give it.", "")]
    [InlineData("\"seeds\": [0, 1]", "\"seeds\": []", "line 4, column 12: seeds is a list; a list of at least one fits.", "")]
    [InlineData("\"seeds\": [0, 1]", "\"seeds\": [-1]", "line 4, column 13: seeds[0] is -1; 0 or a positive whole number fits.", "")]
    [InlineData("\"path\": \"a.safetensors\"", "\"path\": \"a\", \"sha256\": \"12\"", "line 8, column 43: backbones[0].sha256 is \"12\"; 64 hexadecimal digits fit, as sha256sum prints them.", "")]
    [InlineData("\"path\": \"a.safetensors\"", "\"path\": \"a\", \"mean\": 0.5", "line 8, column 5: backbones[0] has one of \"mean\" and \"std\"; give both, or none for those of the recipe.", "")]
    [InlineData("\"kind\": \"full\"", "\"kind\": \"recipe\", \"adapter\": {}", "line 19, column 51: methods[1].adapter: the kind \"recipe\" has no settings of its own; name a method, such as \"lora\".", "")]
    [InlineData("\"seeds\": [0, 1]", "\"seeds\": [0, 1", "line 5, column 13: no valid JSON: ", "")]
    public void What_does_not_fit_is_told_with_its_place_and_what_fits(string written, string wrong, string start, string end)
    {
        Assert.Contains(written, TinyStudy.Json, StringComparison.Ordinal);
        var error = Assert.Throws<StudyException>(() => TinyStudy.Parse(TinyStudy.Json.Replace(written, wrong, StringComparison.Ordinal)));

        Assert.StartsWith("'study.json', " + start, error.Message, StringComparison.Ordinal);
        Assert.EndsWith(end, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Names_that_occur_twice_are_refused()
    {
        var error = Assert.Throws<StudyException>(() => TinyStudy.Parse(TinyStudy.Json.Replace("\"name\": \"FFT\"", "\"name\": \"lora\"", StringComparison.Ordinal)));
        Assert.Equal("The study \"tiny\" has the method \"LoRA\" twice; give each a name of its own.", error.Message);
    }

    [Fact]
    public void A_recipe_without_a_recipe_is_refused_when_cells_are_made()
    {
        var json = TinyStudy.Json.Replace("\"kind\": \"full\"", "\"kind\": \"recipe\"", StringComparison.Ordinal);
        var error = Assert.Throws<StudyException>(() => TinyStudy.Parse(json).Cells());
        Assert.Equal("The method \"FFT\" is of the kind \"recipe\", and the backbone \"A\" has none. Give the backbone a recipe (Mrm or CxrMae), or the method the kind \"lora\".", error.Message);
    }

    [Fact]
    public void The_papers_study_has_its_18_tasks_twice_with_the_published_recipes()
    {
        var cells = Study.Paper().Cells();

        Assert.Equal(36, cells.Count);
        Assert.Equal(18, cells.Select(cell => cell.Task).Distinct().Count());
        Assert.Equal(Enumerable.Range(0, 36), cells.Select(cell => cell.Index));
        Assert.Equal("cell 0: MRM, NIH 1 %, LoRA, seed 0", cells[0].ToString());
        Assert.Equal([4, 8, 32, 4, 16, 32, 4, 32, 32, 4, 8, 32, 4, 8, 32, 4, 8, 32], cells.Select(cell => cell.Adapter).OfType<LoraConfig>().Select(lora => lora.Rank));
        Assert.All(cells.Where(cell => cell.Adapter is LoraConfig), cell => Assert.Equal(["training: precision BFloat16, tensorFloat32 True"], cell.Deviations));
        Assert.Equal(16, cells.Count(cell => cell.Deviations.Any(words => words.Contains("not published", StringComparison.Ordinal))));
        var first = cells[0].Training;
        Assert.Equal((OptimizerKind.Sgd, .05, 100, 64, 224), (first.Optimizer, first.LearningRate, first.Epochs, first.BatchSize, first.ImageSize));
        Assert.Equal(.1, cells[0].Vit.DropPath);
    }

    [Fact]
    public void The_id_of_a_cell_follows_from_what_decides_its_result_and_from_nothing_else()
    {
        string Id(string json) => TinyStudy.Parse(json).Cells()[0].Id;
        var id = Id(TinyStudy.Json);

        Assert.Matches("^[0-9a-f]{12}$", id);
        Assert.Equal(id, Id(TinyStudy.Json.Replace("\"name\": \"tiny\"", "\"name\": \"other\", \"device\": \"cuda\"", StringComparison.Ordinal)));
        Assert.Equal(id, Id(TinyStudy.Json.Replace("a.safetensors", "elsewhere/a.safetensors", StringComparison.Ordinal)));
        Assert.NotEqual(id, Id(TinyStudy.Json.Replace("\"epochs\": 2", "\"epochs\": 3", StringComparison.Ordinal)));
        Assert.NotEqual(id, Id(TinyStudy.Json.Replace("\"rank\": 2", "\"rank\": 3", StringComparison.Ordinal)));
        Assert.NotEqual(id, Id(TinyStudy.Json.Replace("\"pipeline\": \"gentle\"", "\"pipeline\": \"sgd\"", StringComparison.Ordinal)));
        Assert.Equal(8, TinyStudy.Parse(TinyStudy.Json).Cells().Select(cell => cell.Id).Distinct().Count());
    }
}
